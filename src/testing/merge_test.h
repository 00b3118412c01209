#ifndef SQLITE_EFS_TESTING_MERGE_TEST_H_
#define SQLITE_EFS_TESTING_MERGE_TEST_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/base_file.h"
#include "store/database.h"
#include "testing/live_test.h"
#include "testing/scripted_file_system.h"
#include "testing/temp_directory.h"

namespace sqlite_efs::testing {

// A test with a live database of small pages and several segments. Each commit here makes the segment before it full,
// so that it lies in one of its own. Nothing is merged by itself: what a test calls for is.
class MergeTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kPageSize = 512;
  static constexpr Duration kTimeout = std::chrono::seconds(60);
  static constexpr Duration kNoTime = std::chrono::milliseconds(30);
  using Pages = std::map<uint32_t, std::string>;

  void SetUp() override {
    for (Environment* environment : {&scripted_, &plain_}) {
      environment->merge.tick = std::chrono::milliseconds(10);  // of a local file system
      environment->merge.delay = std::chrono::hours(1);
      environment->merge.max_sealed_segments = SIZE_MAX;
    }
  }

  // A page whose content tells its number and version; page 1 has a database header.
  static std::string PageContent(uint32_t page, int version, uint32_t page_count) {
    std::vector<std::byte> bytes(kPageSize, std::byte(version));
    if (page == 1) {
      bytes = EmptyDatabasePage(kPageSize);
      WriteBigEndian32(&bytes[kChangeCounterOffset], static_cast<uint32_t>(version));
      WriteBigEndian32(&bytes[kVersionValidForOffset], static_cast<uint32_t>(version));
      WriteBigEndian32(&bytes[kPageCountOffset], page_count);
    } else {
      WriteBigEndian32(bytes.data(), page);
    }
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  // What it has read of the base, which comes with its header.
  static void ForgetBase(Database& database) {
    std::vector<PageNumber> pages;
    for (uint32_t page = 1; page <= database.live()->log().newest().page_count; page++) pages.push_back({page});
    database.live()->cache().DropBase(pages);
  }

  static std::shared_ptr<Database> OpenDatabase(const Environment& environment, const std::string& path,
                                                size_t cache_bytes = size_t{1} << 20) {
    StoreOptions options;
    options.cache_bytes = cache_bytes;
    options.autocheckpoint_frames = 1;
    Result<std::shared_ptr<Database>> opened = Database::Open(environment, path, options);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    return opened.ok() ? *opened : nullptr;
  }
  std::shared_ptr<Database> OpenScripted() { return OpenDatabase(scripted_, path_); }
  std::shared_ptr<Database> OpenPlain() { return OpenDatabase(plain_, path_); }
  static Merger& MergerOf(const std::shared_ptr<Database>& database) { return database->live()->merger(); }
  Status MergeAll(const std::shared_ptr<Database>& database, Duration timeout = kTimeout) {
    return MergerOf(database).MergeAll(SystemClock().Now() + timeout, {});
  }

  // Commits new versions of these pages, in a segment of their own.
  void Commit(Database& database, int version, const std::vector<uint32_t>& pages, uint32_t page_count) {
    Result<Snapshot> snapshot = database.TakeSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status().message();
    Result<std::unique_ptr<Writer>> writer = database.BeginWrite(*snapshot, Database::NewOwner(), kTimeout);
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    for (const uint32_t page : pages) {
      const std::string content = PageContent(page, version, page_count);
      ASSERT_TRUE((*writer)->WritePage({page}, std::as_bytes(std::span(content))).ok());
      expected_[page] = content;
    }
    ASSERT_TRUE((*writer)->Commit(page_count, &*snapshot).ok());
    expected_.erase(expected_.upper_bound(page_count), expected_.end());
  }

  // Three sealed segments, in which the database grows to 9 pages and ends with `page_count`, and a live one.
  void MakeLive(uint32_t page_count = 9) {
    WriteWholeFile(path_, "");
    const std::shared_ptr<Database> database = OpenPlain();
    Commit(*database, 1, {1, 2, 3, 4, 5, 6}, 6);
    Commit(*database, 2, {1, 3, 7, 8, 9}, 9);
    Commit(*database, 3, {1, 3, 5}, page_count);
    Commit(*database, 4, {1, 2}, page_count);
    ASSERT_EQ(Segments(), (std::vector<uint64_t>{1, 2, 3, 4}));
  }

  // The segments that a listing shows to hold what the base does not.
  std::vector<uint64_t> Segments(const std::string& path) const {
    const Result<LogListing> listing = ListLog(PosixFileSystem(), Layout(path));
    EXPECT_TRUE(listing.ok()) << listing.status().message();
    std::vector<uint64_t> numbers;
    if (!listing.ok()) return numbers;
    for (const SegmentNumber number : listing->segments) numbers.push_back(number.value);
    return numbers;
  }
  std::vector<uint64_t> Segments() const { return Segments(path_); }
  std::vector<std::string> LogNames() const { return TempDirectory::Names(layout_.directory()); }
  bool Exists(const std::string& path) const { return std::filesystem::exists(path); }
  // Whether a name says that the segments up to `number` are in the base.
  bool IsCopied(uint64_t number) const {
    const std::vector<std::string> names = LogNames();
    return std::any_of(names.begin(), names.end(), [number](const std::string& name) {
      const std::optional<CopiedName> copied = ParseCopiedName(name);
      return copied && copied->through.value == number;
    });
  }

  // Whether `snapshot` has exactly the pages `wanted`; with `may_conflict` it may also say kConflict. How many it had.
  static size_t ExpectPages(const Snapshot& snapshot, const Pages& wanted, const std::string& when,
                            bool may_conflict = false) {
    EXPECT_EQ(snapshot.page_count(), wanted.rbegin()->first) << when;
    size_t right = 0;
    for (const auto& [page, content] : wanted) {
      std::string read(kPageSize, '\0');
      const Status status = snapshot.ReadPage({page}, 0, std::as_writable_bytes(std::span(read)));
      if (may_conflict && status.Is(StatusCode::kConflict)) continue;
      EXPECT_TRUE(status.ok()) << when << ": " << status.message();
      EXPECT_TRUE(read == content) << when << ", page " << page << " has version " << int{read[kPageSize - 1]};
      right++;
    }
    return right;
  }
  void ExpectWhole(Database& database, const std::string& when) {
    const Result<Snapshot> snapshot = database.TakeSnapshot();
    ASSERT_TRUE(snapshot.ok()) << when << ": " << snapshot.status().message();
    ExpectPages(*snapshot, expected_, when);
  }
  // For a process that begins now.
  void ExpectWholeAt(const std::string& path, const std::string& when) {
    const std::shared_ptr<Database> database = OpenDatabase(plain_, path);
    ASSERT_TRUE(database) << when;
    ExpectWhole(*database, when);
  }

  // What a killed process would leave, in another folder: base and log, with the second names of segments.
  std::string CopyOfTree(const std::string& path, const std::string& name) {
    const std::string copy = directory_ / name;
    std::filesystem::remove_all(copy);
    std::filesystem::create_directory(copy);
    const Layout from(path);
    const Layout to(copy + "/db");
    std::filesystem::copy_file(from.base(), to.base());
    std::filesystem::create_directory(to.directory());
    const std::vector<std::string> names = TempDirectory::Names(from.directory());
    for (const std::string& file : names) {
      if (!file.ends_with(".sealed"))
        std::filesystem::copy_file(from.directory() + "/" + file, to.directory() + "/" + file);
    }
    for (const std::string& file : names) {
      const std::string segment = to.directory() + "/" + file.substr(0, file.find('.'));
      if (file.ends_with(".sealed") && Exists(segment))
        std::filesystem::create_hard_link(segment, to.directory() + "/" + file);
    }
    return to.base();
  }

  static bool BaseIsLocked(const std::string& path) {
    Result<std::unique_ptr<File>> other = PosixFileSystem().Open(path, OpenMode::kReadWrite);
    return !*(*other)->TryLock(kSqliteLockOffset, kSqliteLockLength);
  }

  TempDirectory directory_;
  const std::string path_ = directory_ / "db";
  const Layout layout_{path_};
  ScriptedFileSystem files_{PosixFileSystem()};
  Environment scripted_ = EnvironmentOn(files_);
  Environment plain_ = EnvironmentOn(PosixFileSystem());
  Pages expected_;  // of the newest state
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_MERGE_TEST_H_
