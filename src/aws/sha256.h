#ifndef SQLITE_EFS_AWS_SHA256_H_
#define SQLITE_EFS_AWS_SHA256_H_

#include <string>
#include <string_view>

namespace sqlite_efs {

// SHA-256 and, below, HMAC-SHA-256 by OpenSSL, as bytes. Contexts are kept: to make one takes longer than to hash what
// a request has. libcurl is loaded. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  std::string Hash(std::string_view text);

 private:
  void* const context_;
};

class KeyedSha256 {
 public:
  KeyedSha256();
  ~KeyedSha256();
  KeyedSha256(const KeyedSha256&) = delete;
  KeyedSha256& operator=(const KeyedSha256&) = delete;

  // The key of what is hashed from now on.
  void SetKey(std::string_view key);
  std::string Hash(std::string_view text);

 private:
  void* const context_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_SHA256_H_
