#ifndef SQLITE_EFS_BASE_RANDOM_H_
#define SQLITE_EFS_BASE_RANDOM_H_

#include <cstdint>
#include <span>

namespace sqlite_efs {

// Fills up to 256 bytes with unpredictable ones. Thread-safe.
void FillRandom(std::span<uint8_t> out);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_BASE_RANDOM_H_
