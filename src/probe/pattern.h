#ifndef SQLITE_EFS_PROBE_PATTERN_H_
#define SQLITE_EFS_PROBE_PATTERN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"

namespace sqlite_efs::probe {

// What the probe writes to files: each byte follows from its offset and a seed, and differs between seeds below 256.
// Seed 0: zeros.
std::vector<std::byte> Pattern(uint64_t offset, size_t length, uint32_t seed);

// Content in a few characters: its length and a checksum.
std::string Digest(Bytes content);
std::string DigestOfPattern(uint64_t offset, size_t length, uint32_t seed);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_PATTERN_H_
