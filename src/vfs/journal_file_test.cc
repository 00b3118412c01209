#include "vfs/journal_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sqlite_efs {
namespace {

// A journal as SQLite uses it: through the methods.
class JournalFileTest : public ::testing::Test {
 protected:
  JournalFileTest() : memory_(static_cast<size_t>(JournalFileSize())) {
    OpenJournalFile(sqlite3_vfs_find("unix"), file(), &rolling_back_);
  }
  ~JournalFileTest() override { EXPECT_EQ(file()->pMethods->xClose(file()), SQLITE_OK); }

  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.data()); }
  int Write(const std::string& data, sqlite3_int64 offset) {
    return file()->pMethods->xWrite(file(), data.data(), static_cast<int>(data.size()), offset);
  }
  std::string Read(int size, sqlite3_int64 offset, int code = SQLITE_OK) {
    std::string out(static_cast<size_t>(size), '?');
    EXPECT_EQ(file()->pMethods->xRead(file(), out.data(), size, offset), code);
    return out;
  }
  sqlite3_int64 Size() {
    sqlite3_int64 size = -1;
    EXPECT_EQ(file()->pMethods->xFileSize(file(), &size), SQLITE_OK);
    return size;
  }

  std::vector<char> memory_;
  bool rolling_back_ = false;
};

TEST_F(JournalFileTest, Gives_back_what_was_written) {
  EXPECT_EQ(Size(), 0);
  EXPECT_EQ(Write("hello", 3), SQLITE_OK);
  EXPECT_EQ(Size(), 8);
  EXPECT_EQ(Read(5, 3), "hello");
  EXPECT_EQ(Read(3, 0), std::string(3, '\0'));
  EXPECT_EQ(Write("J", 3), SQLITE_OK);
  EXPECT_EQ(Read(5, 3), "Jello");
  EXPECT_EQ(Size(), 8);
  EXPECT_EQ(Read(4, 6, SQLITE_IOERR_SHORT_READ), std::string("lo\0\0", 4));
  EXPECT_EQ(Read(2, 100, SQLITE_IOERR_SHORT_READ), std::string(2, '\0'));
}

TEST_F(JournalFileTest, Across_chunks_and_beyond_its_bound_of_memory) {
  // 20 MiB in pieces that fit no boundary: memory first, then a file.
  const std::string piece = [] {
    std::string text;
    for (int i = 0; i < 9973; i++) text.push_back(static_cast<char>(i * 31));
    return text;
  }();
  constexpr int kPieces = 2100;
  for (int i = 0; i < kPieces; i++) {
    ASSERT_EQ(Write(piece, sqlite3_int64{i} * 9973), SQLITE_OK);
  }
  EXPECT_EQ(Size(), sqlite3_int64{kPieces} * 9973);
  for (int i = 0; i < kPieces; i += 13) ASSERT_EQ(Read(9973, sqlite3_int64{i} * 9973), piece) << i;
  EXPECT_EQ(file()->pMethods->xTruncate(file(), 9973), SQLITE_OK);
  EXPECT_EQ(Size(), 9973);
  EXPECT_EQ(Read(9973, 0), piece);
}

TEST_F(JournalFileTest, What_was_cut_off_is_zeros_when_it_grows_again) {
  ASSERT_EQ(Write(std::string(100'000, 'x'), 0), SQLITE_OK);
  ASSERT_EQ(file()->pMethods->xTruncate(file(), 10), SQLITE_OK);
  EXPECT_EQ(Size(), 10);
  ASSERT_EQ(Write("y", 200), SQLITE_OK);
  EXPECT_EQ(Read(10, 0), std::string(10, 'x'));
  EXPECT_EQ(Read(1, 200), "y");
  EXPECT_EQ(Read(190, 10), std::string(190, '\0'));
}

TEST_F(JournalFileTest, Notes_the_read_that_begins_a_rollback_and_no_other) {
  ASSERT_EQ(Write(std::string(4096, 'x'), 0), SQLITE_OK);
  Read(8, 0);
  Read(4, 512);
  Read(1024, 28);
  EXPECT_FALSE(rolling_back_);
  Read(4, 4096 - 16);
  EXPECT_TRUE(rolling_back_);
}

TEST_F(JournalFileTest, Locks_and_syncs_concern_nobody) {
  int held = 1;
  EXPECT_EQ(file()->pMethods->xLock(file(), SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
  EXPECT_EQ(file()->pMethods->xCheckReservedLock(file(), &held), SQLITE_OK);
  EXPECT_EQ(held, 0);
  EXPECT_EQ(file()->pMethods->xUnlock(file(), SQLITE_LOCK_NONE), SQLITE_OK);
  EXPECT_EQ(file()->pMethods->xSync(file(), SQLITE_SYNC_FULL), SQLITE_OK);
  EXPECT_EQ(file()->pMethods->iVersion, 1);
}

}  // namespace
}  // namespace sqlite_efs
