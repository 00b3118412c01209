#include "store/base_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "testing/sqlite_database.h"
#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

using testing::Overwrite;
using testing::ReadWholeFile;
using testing::SqliteDatabase;
using testing::TempDirectory;
using testing::WriteWholeFile;

class BaseFileTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_ / "db"; }
  void MakeDatabase(uint32_t page_size) {
    SqliteDatabase db(path(), testing::kStockVfs);
    ASSERT_EQ(db.Exec("PRAGMA page_size=" + std::to_string(page_size) +
                      "; CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(200000))"),
              SQLITE_OK);
  }
  Result<std::unique_ptr<BaseFile>> Open() { return BaseFile::Open(PosixFileSystem(), path()); }
  TempDirectory directory_;
};

TEST_F(BaseFileTest, Reads_pages_of_every_size) {
  for (uint32_t size = kMinPageSize; size <= kMaxPageSize; size *= 2) {
    ::unlink(path().c_str());
    ASSERT_NO_FATAL_FAILURE(MakeDatabase(size));
    const auto base = Open();
    ASSERT_TRUE(base.ok()) << base.status().message();
    EXPECT_EQ((*base)->page_size(), size);
    const std::string content = ReadWholeFile(path());
    EXPECT_EQ(*(*base)->PageCount(), content.size() / size);
    std::vector<std::byte> page(size);
    std::vector<std::byte> beyond(size, std::byte{1});
    std::array<BasePages, 2> runs = {BasePages{{1'000'000}, beyond}, BasePages{{2}, page}};
    ASSERT_TRUE((*base)->ReadPages(runs).ok());
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(page.data()), size), content.substr(size, size));
    EXPECT_EQ(beyond, std::vector<std::byte>(size)) << "zeros beyond the end";
    EXPECT_EQ(runs[0].found, 0U);
    EXPECT_EQ(runs[1].found, 1U);
  }
}

TEST_F(BaseFileTest, Refuses_what_is_no_database) {
  EXPECT_TRUE(Open().status().Is(StatusCode::kNotFound));
  ASSERT_NO_FATAL_FAILURE(MakeDatabase(4096));
  const std::string good = ReadWholeFile(path());
  std::string wrong_magic = good;
  wrong_magic[3] = 'x';
  std::string wrong_page_size = good;
  wrong_page_size[16] = 3;
  for (const std::string& bad : {std::string(), std::string("SQLite format 3"), good.substr(0, 99),
                                 std::string(5000, 'x'), wrong_magic, wrong_page_size}) {
    WriteWholeFile(path(), bad);
    const auto base = Open();
    ASSERT_TRUE(base.status().Is(StatusCode::kNotDatabase)) << bad.size();
    EXPECT_NE(base.status().message().find(path()), std::string::npos);
  }
}

TEST_F(BaseFileTest, Refuses_a_truncated_one) {
  ASSERT_NO_FATAL_FAILURE(MakeDatabase(4096));
  const auto whole = static_cast<off_t>(ReadWholeFile(path()).size());
  for (const off_t size : {whole - 1, whole - 4096, off_t{4096}, off_t{100}}) {
    ASSERT_EQ(::truncate(path().c_str(), size), 0);
    const auto base = Open();
    ASSERT_TRUE(base.status().Is(StatusCode::kCorrupt)) << size;
    EXPECT_NE(base.status().message().find("truncated"), std::string::npos) << base.status().message();
  }
}

TEST_F(BaseFileTest, A_page_count_that_does_not_hold_comes_from_the_size) {
  ASSERT_NO_FATAL_FAILURE(MakeDatabase(4096));
  const size_t pages = ReadWholeFile(path()).size() / 4096;
  Overwrite(path(), kVersionValidForOffset, std::string("\xff\xff\xff\xff"));
  Overwrite(path(), kPageCountOffset, std::string("\xff\xff\xff\xff"));
  const auto base = Open();
  ASSERT_TRUE(base.ok()) << base.status().message();
  EXPECT_EQ(*(*base)->PageCount(), pages);
}

TEST_F(BaseFileTest, Stock_sqlite_accepts_the_empty_database_of_every_page_size) {
  for (uint32_t size = kMinPageSize; size <= kMaxPageSize; size *= 2) {
    SCOPED_TRACE(size);
    const std::vector<std::byte> page = EmptyDatabasePage(size);
    ASSERT_EQ(page.size(), size);
    EXPECT_EQ(PageSizeOf(page), size);
    EXPECT_EQ(PageCountOf(page), 1U);
    WriteWholeFile(path(), {reinterpret_cast<const char*>(page.data()), page.size()});
    SqliteDatabase db(path(), testing::kStockVfs);
    EXPECT_EQ(db.Query("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(db.Query("PRAGMA page_size"), std::to_string(size));
    EXPECT_EQ(db.Query("PRAGMA page_count"), "1");
    EXPECT_EQ(db.Query("PRAGMA journal_mode"), "wal");
    EXPECT_EQ(db.Query("PRAGMA encoding"), "UTF-8");
    EXPECT_EQ(db.Exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)"), SQLITE_OK) << db.message();
    EXPECT_EQ(db.Query("PRAGMA integrity_check"), "ok");
  }
}

}  // namespace
}  // namespace sqlite_efs
