#ifndef SQLITE_EFS_BASE_UTC_H_
#define SQLITE_EFS_BASE_UTC_H_

#include <cstdint>
#include <string>

namespace sqlite_efs {

// A time in seconds since 1970, in UTC, as strftime() writes it by `format`: 31 bytes at most. "?" if it has no year.
std::string UtcText(int64_t seconds, const char* format);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_BASE_UTC_H_
