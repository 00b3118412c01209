#include "aws/sha256.h"

#include "aws/libcurl.h"

namespace sqlite_efs {
namespace {

constexpr size_t kDigest_bytes = 32;

}  // namespace

Sha256::Sha256() : context_(Curl().digest_new()) { Curl().digest_init(context_, Curl().evp_sha256(), nullptr); }

Sha256::~Sha256() { Curl().digest_free(context_); }

// What OpenSSL refuses to do leaves zeros, and the service refuses the request.
std::string Sha256::Hash(std::string_view text) {
  std::string digest(kDigest_bytes, '\0');
  Curl().digest_init(context_, nullptr, nullptr);
  Curl().digest_update(context_, text.data(), text.size());
  Curl().digest_final(context_, digest.data(), nullptr);
  return digest;
}

std::string Sha256::KeyedHash(std::string_view key, std::string_view text) {
  std::string digest(kDigest_bytes, '\0');
  Curl().hmac(Curl().evp_sha256(), key.data(), static_cast<int>(key.size()), text.data(), text.size(), digest.data(),
              nullptr);
  return digest;
}

}  // namespace sqlite_efs
