#include "aws/sha256.h"

#include "aws/libcurl.h"

namespace sqlite_efs {
namespace {

constexpr size_t kDigest_bytes = 32;

}  // namespace

Sha256::Sha256() : plain_(Curl().digest_new()), keyed_(Curl().hmac_new()) {
  Curl().digest_init(plain_, Curl().evp_sha256(), nullptr);
}

Sha256::~Sha256() {
  Curl().digest_free(plain_);
  Curl().hmac_free(keyed_);
}

// What OpenSSL refuses to do leaves zeros, and the service refuses the request.
std::string Sha256::Hash(std::string_view text) {
  std::string digest(kDigest_bytes, '\0');
  Curl().digest_init(plain_, nullptr, nullptr);
  Curl().digest_update(plain_, text.data(), text.size());
  Curl().digest_final(plain_, digest.data(), nullptr);
  return digest;
}

void Sha256::SetKey(std::string_view key) {
  Curl().hmac_init(keyed_, key.data(), static_cast<int>(key.size()), Curl().evp_sha256(), nullptr);
}

std::string Sha256::KeyedHash(std::string_view text) {
  std::string digest(kDigest_bytes, '\0');
  Curl().hmac_init(keyed_, nullptr, 0, nullptr, nullptr);
  Curl().hmac_update(keyed_, text.data(), text.size());
  Curl().hmac_final(keyed_, digest.data(), nullptr);
  return digest;
}

}  // namespace sqlite_efs
