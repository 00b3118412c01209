#ifndef SQLITE_EFS_STORE_WAL_FORMAT_H_
#define SQLITE_EFS_STORE_WAL_FORMAT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/types.h"

namespace sqlite_efs {

// The bytes of a log segment: https://www.sqlite.org/fileformat2.html#walformat . A segment is a whole WAL file whose
// header field "checkpoint sequence number" says how many frames of the segment before it count.

inline constexpr size_t kWalHeaderSize = 32;
inline constexpr size_t kFrameHeaderSize = 24;
inline constexpr size_t kFrameSaltsOffset = 8;
inline constexpr size_t kFrameSaltsSize = 8;
inline constexpr uint32_t kMinPageSize = 512;
inline constexpr uint32_t kMaxPageSize = 65536;

inline constexpr bool IsPageSize(uint64_t size) {
  return size >= kMinPageSize && size <= kMaxPageSize && (size & (size - 1)) == 0;
}

uint32_t ReadBigEndian32(const std::byte* p);
void WriteBigEndian32(std::byte* p, uint32_t value);

// The running checksum that chains every frame to all before it.
struct WalChecksum {
  uint32_t s0 = 0;
  uint32_t s1 = 0;
  bool operator==(const WalChecksum&) const = default;

  // The checksum of what was summed so far followed by `data`, whose size is a multiple of 8.
  WalChecksum Extended(Bytes data) const;
};

struct WalHeader {
  uint32_t page_size = 0;           // a power of two, 512 to 65536
  FrameNumber counted_of_previous;  // frames of the segment before this one that count
  uint32_t salt1 = 0;
  uint32_t salt2 = 0;

  uint64_t salts() const { return (uint64_t{salt1} << 32) | salt2; }
};

struct FrameHeader {
  PageNumber page;
  uint32_t page_count = 0;  // of the database after the commit that this frame ends; 0: not the last frame of a commit
};

// The header's bytes; `checksum` receives the value that the first frame is chained to.
std::array<std::byte, kWalHeaderSize> EncodeWalHeader(const WalHeader& header, WalChecksum* checksum);

// Nothing unless `bytes` is an intact header in the byte order that EncodeWalHeader() uses.
std::optional<WalHeader> DecodeWalHeader(Bytes bytes, WalChecksum* checksum);

// Fills in the 24 bytes before `page` in a buffer `frame` of header and page; returns the chain's new end.
WalChecksum EncodeFrame(const WalHeader& segment, const FrameHeader& header, WalChecksum previous, MutableBytes frame);

// Checks salts and checksum of `frame` (header and page) against the chain's end `previous`, which it then advances.
std::optional<FrameHeader> DecodeFrame(const WalHeader& segment, Bytes frame, WalChecksum* previous);

// The chain's end as a frame itself states it, whether or not the frame is intact.
WalChecksum StatedChecksum(Bytes frame);

// Whether the frame carries the segment's salts, whether or not it is intact.
bool HasSalts(const WalHeader& segment, Bytes frame);

// What stands in the place of a segment where a log has ended, because its database was detached. It is no WAL file.
inline constexpr std::string_view kEndOfLog = "sqlite-efs: the log ends here\n";
bool IsEndOfLog(Bytes start);

inline uint64_t FrameOffset(FrameNumber frame, uint32_t page_size) {
  return kWalHeaderSize + uint64_t{frame.value - 1} * (kFrameHeaderSize + page_size);
}

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_WAL_FORMAT_H_
