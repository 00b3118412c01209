#ifndef SQLITE_EFS_AWS_TIMESTAMP_H_
#define SQLITE_EFS_AWS_TIMESTAMP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sqlite_efs {

// Milliseconds since 1970 of a time as AWS writes it: "2026-01-02T03:04:05Z", perhaps with a fraction of the second, or
// an offset ("+00:00") in place of the Z. Nothing if `text` is no such time.
std::optional<int64_t> ParseTimestamp_ms(std::string_view text);

// Seconds since 1970 of a time as HTTP writes it: "Fri, 02 Jan 2026 03:04:05 GMT". Nothing if `text` is no such time,
// or if libcurl cannot be loaded.
std::optional<int64_t> ParseHttpDate_s(const std::string& text);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_TIMESTAMP_H_
