#ifndef SQLITE_EFS_AWS_SIGNER_H_
#define SQLITE_EFS_AWS_SIGNER_H_

#include <string>
#include <vector>

#include "aws/http_client.h"
#include "aws/sha256.h"

namespace sqlite_efs {

// Signs requests: AWS Signature Version 4. libcurl can do that too, but takes as long for it as for all the rest, and
// only ever signs this machine's present. libcurl is loaded. One thread at a time.
class Signer {
 public:
  // All headers of a request that has `sign_with`, its own ones among them, each of them signed. `host` is the URL's,
  // with the port if it has one.
  std::vector<HttpHeader> Headers(const HttpRequest& request, const std::string& host);

 private:
  void SetKey(const Signature& with, const std::string& date);

  Sha256 hash_;
  KeyedSha256 keyed_hash_;
  std::string key_from_;  // what its key, which is good for a day, was derived from
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_SIGNER_H_
