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

KeyedSha256::KeyedSha256() : context_(Curl().keyed_digest_new()) {}

KeyedSha256::~KeyedSha256() { Curl().keyed_digest_free(context_); }

void KeyedSha256::SetKey(std::string_view key) {
  Curl().keyed_digest_init(context_, key.data(), static_cast<int>(key.size()), Curl().evp_sha256(), nullptr);
}

std::string KeyedSha256::Hash(std::string_view text) {
  std::string digest(kDigest_bytes, '\0');
  Curl().keyed_digest_init(context_, nullptr, 0, nullptr, nullptr);
  Curl().keyed_digest_update(context_, text.data(), text.size());
  Curl().keyed_digest_final(context_, digest.data(), nullptr);
  return digest;
}

}  // namespace sqlite_efs
