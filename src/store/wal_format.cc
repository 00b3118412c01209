#include "store/wal_format.h"

#include <bit>
#include <cassert>
#include <cstring>

namespace sqlite_efs {
namespace {

// The magic number of a WAL whose checksums are computed over little-endian words.
constexpr uint32_t kMagicLittleEndian = 0x377f0682;
constexpr uint32_t kWalVersion = 3007000;
constexpr size_t kHeaderSummed = 24;
constexpr size_t kFrameSummed = 8;

uint32_t LoadLittleEndian32(const std::byte* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap32(value);
  return value;
}

}  // namespace

uint32_t ReadBigEndian32(const std::byte* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  return value;
}

void WriteBigEndian32(std::byte* p, uint32_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  std::memcpy(p, &value, sizeof value);
}

WalChecksum WalChecksum::Extended(Bytes data) const {
  assert(data.size() % 8 == 0);
  WalChecksum sum = *this;
  for (size_t i = 0; i < data.size(); i += 8) {
    sum.s0 += LoadLittleEndian32(data.data() + i) + sum.s1;
    sum.s1 += LoadLittleEndian32(data.data() + i + 4) + sum.s0;
  }
  return sum;
}

std::array<std::byte, kWalHeaderSize> EncodeWalHeader(const WalHeader& header, WalChecksum* checksum) {
  std::array<std::byte, kWalHeaderSize> bytes;
  WriteBigEndian32(&bytes[0], kMagicLittleEndian);
  WriteBigEndian32(&bytes[4], kWalVersion);
  WriteBigEndian32(&bytes[8], header.page_size);
  WriteBigEndian32(&bytes[12], header.counted_of_previous.value);
  WriteBigEndian32(&bytes[16], header.salt1);
  WriteBigEndian32(&bytes[20], header.salt2);
  *checksum = WalChecksum().Extended(Bytes(bytes).first(kHeaderSummed));
  WriteBigEndian32(&bytes[24], checksum->s0);
  WriteBigEndian32(&bytes[28], checksum->s1);
  return bytes;
}

std::optional<WalHeader> DecodeWalHeader(Bytes bytes, WalChecksum* checksum) {
  if (bytes.size() < kWalHeaderSize) return std::nullopt;
  const std::byte* p = bytes.data();
  if (ReadBigEndian32(p) != kMagicLittleEndian || ReadBigEndian32(p + 4) != kWalVersion) return std::nullopt;
  *checksum = WalChecksum().Extended(bytes.first(kHeaderSummed));
  if (ReadBigEndian32(p + 24) != checksum->s0 || ReadBigEndian32(p + 28) != checksum->s1) return std::nullopt;
  const WalHeader header = {
      ReadBigEndian32(p + 8), {ReadBigEndian32(p + 12)}, ReadBigEndian32(p + 16), ReadBigEndian32(p + 20)};
  if (!IsPageSize(header.page_size)) return std::nullopt;
  return header;
}

WalChecksum EncodeFrame(const WalHeader& segment, const FrameHeader& header, WalChecksum previous, MutableBytes frame) {
  assert(frame.size() == kFrameHeaderSize + segment.page_size && header.page.value != 0);
  std::byte* p = frame.data();
  WriteBigEndian32(p, header.page.value);
  WriteBigEndian32(p + 4, header.page_count);
  WriteBigEndian32(p + 8, segment.salt1);
  WriteBigEndian32(p + 12, segment.salt2);
  const WalChecksum sum = previous.Extended(frame.first(kFrameSummed)).Extended(frame.subspan(kFrameHeaderSize));
  WriteBigEndian32(p + 16, sum.s0);
  WriteBigEndian32(p + 20, sum.s1);
  return sum;
}

std::optional<FrameHeader> DecodeFrame(const WalHeader& segment, Bytes frame, WalChecksum* previous) {
  assert(frame.size() == kFrameHeaderSize + segment.page_size);
  const FrameHeader header = {{ReadBigEndian32(frame.data())}, ReadBigEndian32(frame.data() + 4)};
  if (header.page.value == 0 || !HasSalts(segment, frame)) return std::nullopt;
  const WalChecksum sum = previous->Extended(frame.first(kFrameSummed)).Extended(frame.subspan(kFrameHeaderSize));
  if (sum != StatedChecksum(frame)) return std::nullopt;
  *previous = sum;
  return header;
}

WalChecksum StatedChecksum(Bytes frame) {
  return {ReadBigEndian32(frame.data() + 16), ReadBigEndian32(frame.data() + 20)};
}

bool IsEndOfLog(Bytes start) {
  return start.size() >= kEndOfLog.size() && std::memcmp(start.data(), kEndOfLog.data(), kEndOfLog.size()) == 0;
}

bool HasSalts(const WalHeader& segment, Bytes frame) {
  return ReadBigEndian32(frame.data() + 8) == segment.salt1 && ReadBigEndian32(frame.data() + 12) == segment.salt2;
}

}  // namespace sqlite_efs
