#ifndef SQLITE_EFS_BASE_TYPES_H_
#define SQLITE_EFS_BASE_TYPES_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sqlite_efs {

using MutableBytes = std::span<std::byte>;
using Bytes = std::span<const std::byte>;

// A page of the database, counted from 1.
struct PageNumber {
  uint32_t value = 0;
  auto operator<=>(const PageNumber&) const = default;
};

// A frame within one log segment, counted from 1; as a count: how many frames of a segment. 0 is "none".
struct FrameNumber {
  uint32_t value = 0;
  auto operator<=>(const FrameNumber&) const = default;
};

// A log segment, counted from 1 and never used again. 0 is "none".
struct SegmentNumber {
  uint64_t value = 0;
  auto operator<=>(const SegmentNumber&) const = default;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_BASE_TYPES_H_
