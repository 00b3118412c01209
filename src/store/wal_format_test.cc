#include "store/wal_format.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>
#include <vector>

#include "testing/sqlite_database.h"
#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

using testing::ReadWholeFile;
using testing::SqliteDatabase;
using testing::TempDirectory;
using testing::WriteWholeFile;

Bytes BytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }

// A WAL file of stock SQLite's own, with a few commits in it, and its base.
void MakeStockWal(const std::string& path, uint32_t page_size) {
  SqliteDatabase db(path, testing::kStockVfs);
  ASSERT_EQ(db.Exec("PRAGMA page_size=" + std::to_string(page_size) +
                    "; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a, b)"),
            SQLITE_OK);
  for (int i = 0; i < 5; i++) ASSERT_EQ(db.Exec("INSERT INTO t VALUES (1, zeroblob(3000))"), SQLITE_OK);
  std::filesystem::copy_file(path + "-wal", path + ".copy");
  std::filesystem::copy_file(path, path + ".base");
}

class WalFormatTest : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(PageSizes, WalFormatTest, ::testing::Values(512U, 4096U, 65536U));

TEST_P(WalFormatTest, Reads_every_frame_that_stock_sqlite_wrote) {
  const TempDirectory directory;
  ASSERT_NO_FATAL_FAILURE(MakeStockWal(directory / "db", GetParam()));
  const std::string wal = ReadWholeFile(directory / "db.copy");
  WalChecksum chain;
  const auto header = DecodeWalHeader(BytesOf(wal), &chain);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->page_size, GetParam());
  const size_t frame_size = kFrameHeaderSize + GetParam();
  int frames = 0;
  int commits = 0;
  for (uint64_t at = FrameOffset({1}, GetParam()); at + frame_size <= wal.size(); at += frame_size, frames++) {
    const auto frame = DecodeFrame(*header, BytesOf(wal).subspan(at, frame_size), &chain);
    ASSERT_TRUE(frame.has_value()) << "frame " << frames + 1;
    commits += frame->page_count != 0 ? 1 : 0;
  }
  EXPECT_EQ(commits, 6);
  EXPECT_GE(frames, commits);
}

TEST_P(WalFormatTest, Writes_what_stock_sqlite_reads) {
  const TempDirectory directory;
  ASSERT_NO_FATAL_FAILURE(MakeStockWal(directory / "db", GetParam()));
  // The same pages again, under other salts and a sequence number, by this project's own encoder.
  const std::string stock = ReadWholeFile(directory / "db.copy");
  WalChecksum old_chain;
  const WalHeader old_header = *DecodeWalHeader(BytesOf(stock), &old_chain);
  const WalHeader header = {GetParam(), {77}, 0x12345678, 0x9abcdef0};
  WalChecksum chain;
  const auto header_bytes = EncodeWalHeader(header, &chain);
  std::string wal(reinterpret_cast<const char*>(header_bytes.data()), header_bytes.size());
  const size_t frame_size = kFrameHeaderSize + GetParam();
  for (uint64_t at = kWalHeaderSize; at + frame_size <= stock.size(); at += frame_size) {
    std::string frame = stock.substr(at, frame_size);
    const auto frame_header = DecodeFrame(old_header, BytesOf(frame), &old_chain);
    ASSERT_TRUE(frame_header.has_value());
    chain = EncodeFrame(header, *frame_header, chain, std::as_writable_bytes(std::span(frame)));
    wal += frame;
  }
  wal += std::string(100'000, '\0');  // as a segment that is allocated ahead
  std::filesystem::rename(directory / "db.base", directory / "other");
  WriteWholeFile(directory / "other-wal", wal);
  SqliteDatabase db(directory / "other", testing::kStockVfs);
  EXPECT_EQ(db.Query("SELECT count(*), sum(length(b)) FROM t"), "5|15000");
  EXPECT_EQ(db.Query("PRAGMA integrity_check"), "ok");
}

TEST(WalChecksumTest, Vectors) {
  // By hand, from https://www.sqlite.org/fileformat2.html#checksum_algorithm
  const WalChecksum none;
  EXPECT_EQ(none.Extended({}), none);
  const std::string words("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0", 16);
  // s0 = 1, s1 = 2 + 1 = 3; s0 += 3 + 3 -> 7, s1 += 4 + 7 -> 14
  EXPECT_EQ(none.Extended(BytesOf(words)), (WalChecksum{7, 14}));
  EXPECT_EQ(none.Extended(BytesOf(words.substr(0, 8))).Extended(BytesOf(words.substr(8))), (WalChecksum{7, 14}));
  const std::string ones(8, '\xff');
  EXPECT_EQ((WalChecksum{1, 1}).Extended(BytesOf(ones)), (WalChecksum{1, 1}));
}

TEST(WalHeaderTest, Comes_back_as_it_was_and_every_bit_counts) {
  for (uint32_t size = kMinPageSize; size <= kMaxPageSize; size *= 2) {
    WalChecksum written;
    auto bytes = EncodeWalHeader({size, {5}, 6, 7}, &written);
    WalChecksum read;
    const auto header = DecodeWalHeader(bytes, &read);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->page_size, size);
    EXPECT_EQ(header->counted_of_previous.value, 5U);
    EXPECT_EQ(header->salts(), (uint64_t{6} << 32) | 7);
    EXPECT_EQ(read, written);
    for (size_t bit = 0; bit < bytes.size() * 8; bit++) {
      bytes[bit / 8] ^= std::byte(1 << (bit % 8));
      EXPECT_FALSE(DecodeWalHeader(bytes, &read).has_value()) << "bit " << bit;
      bytes[bit / 8] ^= std::byte(1 << (bit % 8));
    }
    EXPECT_FALSE(DecodeWalHeader(Bytes(bytes).first(31), &read).has_value());
  }
}

TEST(WalFrameTest, Every_bit_counts_and_so_does_the_chain) {
  const WalHeader segment = {512, {0}, 11, 12};
  const WalChecksum start = {3, 4};
  std::vector<std::byte> frame(kFrameHeaderSize + 512, std::byte{9});
  const WalChecksum end = EncodeFrame(segment, {{1}, 2}, start, frame);
  WalChecksum chain = start;
  const auto header = DecodeFrame(segment, frame, &chain);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->page.value, 1U);
  EXPECT_EQ(header->page_count, 2U);
  EXPECT_EQ(chain, end);
  EXPECT_EQ(StatedChecksum(frame), end);
  EXPECT_TRUE(HasSalts(segment, frame));
  for (size_t bit = 0; bit < frame.size() * 8; bit += 7) {
    frame[bit / 8] ^= std::byte(1 << (bit % 8));
    chain = start;
    EXPECT_FALSE(DecodeFrame(segment, frame, &chain).has_value()) << "bit " << bit;
    EXPECT_EQ(chain, start) << "a bad frame must not advance the chain";
    frame[bit / 8] ^= std::byte(1 << (bit % 8));
  }
  chain = {3, 5};
  EXPECT_FALSE(DecodeFrame(segment, frame, &chain).has_value());
  chain = start;
  EXPECT_FALSE(DecodeFrame({512, {0}, 11, 13}, frame, &chain).has_value());
}

TEST(WalFrameTest, Zeros_are_no_frame) {
  const std::vector<std::byte> zeros(kFrameHeaderSize + 512);
  WalChecksum chain;
  EXPECT_FALSE(DecodeFrame({512, {0}, 0, 0}, zeros, &chain).has_value());
}

TEST(PageSizeTest, Is_a_power_of_two_in_sqlites_bounds) {
  for (const uint64_t size : {512, 1024, 4096, 65536}) EXPECT_TRUE(IsPageSize(size)) << size;
  for (const uint64_t size : {0, 1, 256, 511, 513, 1000, 4097, 131072}) EXPECT_FALSE(IsPageSize(size)) << size;
}

TEST(FrameOffsetTest, Does_not_overflow) {
  EXPECT_EQ(FrameOffset({1}, 4096), 32U);
  EXPECT_EQ(FrameOffset({2}, 4096), 32U + 4120U);
  EXPECT_EQ(FrameOffset({UINT32_MAX}, 65536), 32U + uint64_t{UINT32_MAX - 1} * 65560U);
}

}  // namespace
}  // namespace sqlite_efs
