#include "probe/pattern.h"

namespace sqlite_efs::probe {
namespace {

// FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
constexpr uint64_t kFnvBasis = 0xcbf29ce484222325;
constexpr uint64_t kFnvPrime = 0x100000001b3;

}  // namespace

std::vector<std::byte> Pattern(uint64_t offset, size_t length, uint32_t seed) {
  std::vector<std::byte> content(length);
  for (size_t i = 0; seed != 0 && i < length; i++) {
    const uint64_t at = offset + i;
    content[i] = static_cast<std::byte>(at + (at >> 8) + seed);
  }
  return content;
}

std::string Digest(Bytes content) {
  uint64_t hash = kFnvBasis;
  for (const std::byte byte : content) hash = (hash ^ static_cast<uint64_t>(byte)) * kFnvPrime;
  return std::to_string(content.size()) + ":" + std::to_string(hash);
}

std::string DigestOfPattern(uint64_t offset, size_t length, uint32_t seed) {
  return Digest(Pattern(offset, length, seed));
}

}  // namespace sqlite_efs::probe
