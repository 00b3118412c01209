#ifndef SQLITE_EFS_TESTING_LIVE_TEST_H_
#define SQLITE_EFS_TESTING_LIVE_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lease/embedded_lease_store.h"
#include "store/database.h"
#include "store/generations.h"
#include "testing/scripted_file_system.h"
#include "testing/sqlite_database.h"
#include "testing/temp_directory.h"
#include "vfs/vfs.h"

namespace sqlite_efs::testing {

// So that transactions of a few MB spill.
inline constexpr size_t kSpill_bytes = size_t{512} << 10;

// The file system that the VFS of the test program uses.
inline ScriptedFileSystem& VfsFiles() {
  static ScriptedFileSystem files(PosixFileSystem());
  return files;
}

// This machine, with a file system of the test's.
inline Environment EnvironmentOn(FileSystem& files) {
  return {files, SystemClock(), &NewThreadAlarm,
          [&files](const Layout& layout, const Layout& prepared, uint32_t permissions) -> std::unique_ptr<LeaseStore> {
            return std::make_unique<EmbeddedLeaseStore>(files, layout.lease(), permissions, prepared.lease());
          }};
}

// Before all tests, whatever their order: the first registration decides the environment.
class VfsRegistration final : public ::testing::Environment {
 public:
  void SetUp() override {
    static const sqlite_efs::Environment environment = [] {
      sqlite_efs::Environment small = EnvironmentOn(VfsFiles());
      small.spill_bytes = kSpill_bytes;
      return small;
    }();
    ASSERT_EQ(RegisterVfs(environment, false), SQLITE_OK);
  }
};
inline ::testing::Environment* const vfs_registration = ::testing::AddGlobalTestEnvironment(new VfsRegistration);

// Another process as the files show it: an engine of its own, with its own lease.
class OtherProcess {
 public:
  explicit OtherProcess(const std::string& path)
      : layout_(path), database_(Database::Open(SystemEnvironment(), path, StoreOptions{})) {}

  // Commits a change of nothing but SQLite's change counter; the transaction's outcome. `also`: a page that is written
  // again, as it is.
  Status Commit(Duration timeout = std::chrono::seconds(5), PageNumber also = {0}) {
    EFS_RETURN_IF_ERROR(database_.status());
    Database& database = **database_;
    EFS_ASSIGN_OR_RETURN(Snapshot snapshot, database.TakeSnapshot());
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<Writer> writer, database.BeginWrite(snapshot, 1, timeout));
    std::vector<std::byte> page(snapshot.page_size());
    EFS_RETURN_IF_ERROR(snapshot.ReadPage({1}, 0, page));
    const uint32_t counter = ReadBigEndian32(&page[kChangeCounterOffset]) + 1;
    WriteBigEndian32(&page[kChangeCounterOffset], counter);
    WriteBigEndian32(&page[kVersionValidForOffset], counter);
    EFS_RETURN_IF_ERROR(writer->WritePage({1}, page));
    if (also.value != 0) {
      EFS_RETURN_IF_ERROR(snapshot.ReadPage(also, 0, page));
      EFS_RETURN_IF_ERROR(writer->WritePage(also, page));
    }
    return writer->Commit(snapshot.page_count(), &snapshot);
  }

  // Ends the live segment, as whoever believes that its writer has died.
  Status Seal() {
    EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(PosixFileSystem(), layout_));
    std::array<std::byte, kDatabaseHeaderSize> header;
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> base, PosixFileSystem().Open(layout_.base(), OpenMode::kRead));
    EFS_RETURN_IF_ERROR(base->ReadAt(0, header).status());
    EFS_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment,
                         Segment::Open(PosixFileSystem(), layout_, listing.segments.back(), PageSizeOf(header)));
    return sqlite_efs::Seal(PosixFileSystem(), layout_, *segment, segment->end, Successor::kHelpers).status();
  }

  // Merges all sealed segments, and removes them.
  Status Merge() {
    EFS_RETURN_IF_ERROR(database_.status());
    EFS_RETURN_IF_ERROR((*database_)->TakeSnapshot().status());
    return (*database_)->live()->merger().MergeAll(SystemClock().Now() + std::chrono::seconds(5), {});
  }

  Database& database() { return **database_; }

 private:
  const Layout layout_;
  Result<std::shared_ptr<Database>> database_;
};

// A test with a directory and live databases in it.
class LiveTest : public ::testing::Test {
 protected:
  void TearDown() override { VfsFiles().Clear(); }

  SqliteDatabase Open(const std::string& name = "db.sqlite3", const std::string& parameters = "") {
    SqliteDatabase db(Uri(Path(name), parameters));
    EXPECT_EQ(db.open_result(), SQLITE_OK) << db.message();
    return db;
  }
  SqliteDatabase OpenStock(const std::string& name) { return SqliteDatabase(Path(name), kStockVfs); }

  std::string Path(const std::string& name = "db.sqlite3") const { return directory_ / name; }
  std::string Segment(int number = 1, const std::string& name = "db.sqlite3") const {
    return Layout(Path(name)).segment({static_cast<uint64_t>(number)});
  }

  TempDirectory directory_;
};

// A table whose rows fill pages: `rows` rows of `size` bytes each, all of them `letter`.
inline std::string Fill(int rows, char letter, int size = 1000, const std::string& table = "t") {
  return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(rows) +
         ") INSERT INTO " + table + " SELECT i, replace(hex(zeroblob(" + std::to_string(size / 2) + ")), '0', '" +
         letter + "') FROM n";
}

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_LIVE_TEST_H_
