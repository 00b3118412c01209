#include "store/detach.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "store/attach.h"
#include "store/base_file.h"
#include "store/database.h"
#include "store/segment.h"

namespace sqlite_efs {
namespace {

constexpr uint32_t kPageSize = 512;
constexpr int kMaxSteps = 200;  // more than a detach makes changes
constexpr Duration kTimeout = std::chrono::seconds(20);
constexpr Duration kNoTime = std::chrono::milliseconds(50);

// The file system of this machine, which calls back before each change, and from a chosen change on makes none: what a
// killed process leaves behind.
// A file of a process that may die.
using SharedFile = std::shared_ptr<std::unique_ptr<File>>;

class DyingFileSystem final : public FileSystem {
 public:
  static constexpr int kNever = -1;

  std::function<void()> before_change;
  int dies_at = kNever;  // the number of the change that is made no more, or only by half
  StatusCode failure = StatusCode::kIoError;
  bool dies_for_good = true;  // false: only that one change fails
  int changes = 0;

  // Whether the next change is made.
  bool Lives() {
    if (before_change) before_change();
    const int number = changes++;
    if (dies_at == kNever || number < dies_at) return true;
    return number > dies_at && !dies_for_good;
  }
  Status Dead() const { return {failure, "the process has died"}; }

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions) override {
    return OpenIn(real_, path, mode, permissions);
  }
  Result<std::unique_ptr<File>> OpenIn(FileSystem& real, const std::string& path, OpenMode mode, uint32_t permissions);
  Result<std::vector<std::string>> List(const std::string& directory) override { return real_.List(directory); }
  Result<std::vector<std::string>> ListKnown(const std::string& directory) override {
    return real_.ListKnown(directory);
  }
  Result<FileAttributes> Stat(const std::string& path) override { return real_.Stat(path); }
  Status Link(const std::string& existing, const std::string& name) override {
    return Lives() ? real_.Link(existing, name) : Dead();
  }
  Status Rename(const std::string& from, const std::string& to) override {
    return Lives() ? real_.Rename(from, to) : Dead();
  }
  Status MakeDirectory(const std::string& path, uint32_t permissions) override {
    return Lives() ? real_.MakeDirectory(path, permissions) : Dead();
  }
  Status Remove(const std::string& path) override { return Lives() ? real_.Remove(path) : Dead(); }
  Status RemoveDirectory(const std::string& path) override { return Lives() ? real_.RemoveDirectory(path) : Dead(); }
  Status SyncDirectory(const std::string& path) override { return Lives() ? real_.SyncDirectory(path) : Dead(); }
  bool MayWrite(const std::string& path) override { return real_.MayWrite(path); }
  Result<std::unique_ptr<FileSystem>> Pin(const std::string& directory) override;
  std::string Machine() override { return real_.Machine(); }

  // What a process holds ends with it, whatever it had meant to keep.
  void CloseAll() {
    for (const std::weak_ptr<std::unique_ptr<File>>& opened : opened_) {
      if (const SharedFile file = opened.lock()) file->reset();
    }
  }
  ~DyingFileSystem() override { CloseAll(); }

 private:
  FileSystem& real_ = PosixFileSystem();
  std::vector<std::weak_ptr<std::unique_ptr<File>>> opened_;
};

// A pinned view of it, which dies with it.
class DyingPinnedFileSystem final : public FileSystem {
 public:
  DyingPinnedFileSystem(DyingFileSystem& files, std::unique_ptr<FileSystem> real)
      : files_(files), real_(std::move(real)) {}

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions) override {
    return files_.OpenIn(*real_, path, mode, permissions);
  }
  Result<std::vector<std::string>> List(const std::string& directory) override { return real_->List(directory); }
  Result<std::vector<std::string>> ListKnown(const std::string& directory) override {
    return real_->ListKnown(directory);
  }
  Result<FileAttributes> Stat(const std::string& path) override { return real_->Stat(path); }
  Status Link(const std::string& existing, const std::string& name) override {
    return files_.Lives() ? real_->Link(existing, name) : files_.Dead();
  }
  Status Rename(const std::string& from, const std::string& to) override {
    return files_.Lives() ? real_->Rename(from, to) : files_.Dead();
  }
  Status MakeDirectory(const std::string& path, uint32_t permissions) override {
    return files_.Lives() ? real_->MakeDirectory(path, permissions) : files_.Dead();
  }
  Status Remove(const std::string& path) override { return files_.Lives() ? real_->Remove(path) : files_.Dead(); }
  Status RemoveDirectory(const std::string& path) override {
    return files_.Lives() ? real_->RemoveDirectory(path) : files_.Dead();
  }
  Status SyncDirectory(const std::string& path) override {
    return files_.Lives() ? real_->SyncDirectory(path) : files_.Dead();
  }
  bool MayWrite(const std::string& path) override { return real_->MayWrite(path); }
  Result<std::unique_ptr<FileSystem>> Pin(const std::string&) override { return files_.Dead(); }
  std::string Machine() override { return real_->Machine(); }

 private:
  DyingFileSystem& files_;
  std::unique_ptr<FileSystem> real_;
};

class DyingFile final : public File {
 public:
  DyingFile(DyingFileSystem& files, SharedFile real) : files_(files), shared_(std::move(real)) {}

  Result<size_t> ReadAt(uint64_t offset, MutableBytes out) override { return real().ReadAt(offset, out); }
  Status WriteAt(uint64_t offset, Bytes data) override {
    const bool was_alive = files_.changes <= files_.dies_at;
    if (files_.Lives()) return real().WriteAt(offset, data);
    if (was_alive) (void)real().WriteAt(offset, data.first(data.size() / 2));
    return files_.Dead();
  }
  Status Sync() override { return files_.Lives() ? real().Sync() : files_.Dead(); }
  Status Truncate(uint64_t size) override { return files_.Lives() ? real().Truncate(size) : files_.Dead(); }
  Result<FileAttributes> Look() override { return real().Look(); }
  const FileAttributes& Opened() const override { return real().Opened(); }
  Result<FileAttributes> TouchAndLook() override {
    return files_.Lives() ? real().TouchAndLook() : Result<FileAttributes>(files_.Dead());
  }
  Status ChangeMode(uint32_t mode) override { return files_.Lives() ? real().ChangeMode(mode) : files_.Dead(); }
  Result<bool> TryLock(uint64_t offset, uint64_t length) override { return real().TryLock(offset, length); }
  Status Unlock(uint64_t offset, uint64_t length) override { return real().Unlock(offset, length); }
  const std::string& path() const override { return real().path(); }

 private:
  DyingFileSystem& files_;
  File& real() const { return **shared_; }
  SharedFile shared_;
};

Result<std::unique_ptr<File>> DyingFileSystem::OpenIn(FileSystem& files, const std::string& path, OpenMode mode,
                                                      uint32_t permissions) {
  const bool creates = mode == OpenMode::kCreateNew || mode == OpenMode::kCreateOrOpen;
  if (creates && !Lives()) return Dead();
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> real, files.Open(path, mode, permissions));
  auto shared = std::make_shared<std::unique_ptr<File>>(std::move(real));
  opened_.push_back(shared);
  return std::unique_ptr<File>(new DyingFile(*this, std::move(shared)));
}

Result<std::unique_ptr<FileSystem>> DyingFileSystem::Pin(const std::string& directory) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<FileSystem> real, real_.Pin(directory));
  return std::unique_ptr<FileSystem>(new DyingPinnedFileSystem(*this, std::move(real)));
}

// The environment of a process on `files`, which dies with that.
Environment EnvironmentOn(FileSystem& files) {
  const Environment& system = SystemEnvironment();
  Environment environment = {files, system.clock, system.new_alarm, system.new_lease_store};
  environment.merge.tick = std::chrono::milliseconds(10);  // of a local file system
  return environment;
}

const Environment& LocalEnvironment() {
  static const Environment environment = EnvironmentOn(PosixFileSystem());
  return environment;
}

using Pages = std::map<uint32_t, std::string>;

// A page whose content tells its number and version; page 1 has a database header.
std::string PageContent(uint32_t page, int version, uint32_t page_count) {
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

class Detach : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "efs-detach-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/db.sqlite3";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Commits new versions of these pages through `database`, by a tenure of its own.
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

  static std::shared_ptr<Database> OpenDatabase(const std::string& path) {
    Result<std::shared_ptr<Database>> opened = Database::Open(SystemEnvironment(), path, StoreOptions{});
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    return opened.ok() ? *opened : nullptr;
  }

  // A live database that has grown, been rewritten and shrunk, in several segments, with a base of its own.
  void MakeLive() {
    { const std::ofstream file(path_); }
    const std::shared_ptr<Database> database = OpenDatabase(path_);
    Commit(*database, 1, {1, 2, 3, 4, 5, 6, 7, 8}, 8);
    ASSERT_TRUE(DetachDatabase(LocalEnvironment(), path_, kTimeout, {}).ok());  // into the base
    SetVersions(kVersionWal);
    ASSERT_TRUE(CreateLogDirectory(PosixFileSystem(), Layout(path_), kPageSize, nullptr).ok());
    const std::shared_ptr<Database> again = OpenDatabase(path_);
    Commit(*again, 2, {1, 3, 9, 10, 11, 12}, 12);
    const Layout layout(path_);
    std::filesystem::remove(layout.lease());  // so that the next tenure seals
    const std::shared_ptr<Database> third = OpenDatabase(path_);
    Commit(*third, 3, {1, 3, 5, 12}, last_page_count_);
    Commit(*third, 4, {1, 5}, last_page_count_);
  }

  void SetVersions(std::byte version) {
    Result<std::unique_ptr<File>> file = PosixFileSystem().Open(path_, OpenMode::kReadWrite);
    const std::array<std::byte, 2> versions = {version, version};
    ASSERT_TRUE(file.ok() && (*file)->WriteAt(kWriteVersionOffset, versions).ok());
  }

  // Whether `snapshot` has exactly the pages `wanted`, or says kConflict.
  static void ExpectPages(const Snapshot& snapshot, const Pages& wanted, const std::string& when, bool may_conflict) {
    ASSERT_EQ(snapshot.page_count(), wanted.rbegin()->first) << when;
    for (const auto& [page, content] : wanted) {
      std::string read(kPageSize, '\0');
      const Status status = snapshot.ReadPage({page}, 0, std::as_writable_bytes(std::span(read)));
      if (may_conflict && status.Is(StatusCode::kConflict)) return;
      ASSERT_TRUE(status.ok()) << when << ": " << status.message();
      ASSERT_EQ(read, content) << when << ", page " << page;
    }
  }

  void ExpectLiveAndWhole(const std::string& when) {
    const std::shared_ptr<Database> database = OpenDatabase(path_);
    ASSERT_TRUE(database) << when;
    const Result<Snapshot> snapshot = database->TakeSnapshot();
    ASSERT_TRUE(snapshot.ok()) << when << ": " << snapshot.status().message();
    ExpectPages(*snapshot, expected_, when, /*may_conflict=*/false);
  }

  void ExpectOrdinaryAndWhole(const std::string& when) {
    std::ifstream file(path_, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    std::string wanted;
    for (const auto& [page, bytes] : expected_) wanted += bytes;
    wanted[18] = wanted[19] = 1;
    ASSERT_EQ(content.size(), wanted.size()) << when;
    ASSERT_EQ(content == wanted, true) << when;
    ASSERT_FALSE(std::filesystem::exists(path_ + "-wal")) << when;
  }

  // Whether the last segment has one name: nobody ends it, and it is not just being made.
  bool LastSegmentIsLive() const {
    const Layout layout(path_);
    const Result<LogListing> listing = ListLog(PosixFileSystem(), layout);
    return listing.ok() && PosixFileSystem().Stat(layout.segment(listing->segments.back()))->links == 1;
  }

  // Whether the database has a log that goes on, and not just what is left of one that has ended.
  bool GoesOn() const {
    const Result<std::vector<std::string>> names = PosixFileSystem().List(Layout(path_).directory());
    if (!names.ok() || names->empty()) return false;
    return !*HasEnded(PosixFileSystem(), Layout(path_), *names);
  }

  size_t NamesInFolder() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  // Restores the database as MakeLive() left it.
  void Keep() { std::filesystem::copy(folder_, folder_ + ".kept", std::filesystem::copy_options::recursive); }
  void Restore() {
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(folder_ + ".kept", folder_, std::filesystem::copy_options::recursive);
  }
  void DropKept() { std::filesystem::remove_all(folder_ + ".kept"); }

  std::string folder_;
  std::string path_;
  Pages expected_;
  uint32_t last_page_count_ = 12;
};

TEST_F(Detach, Merges_the_newest_version_of_each_page_and_leaves_one_ordinary_file) {
  MakeLive();
  const Result<DetachReport> report = DetachDatabase(LocalEnvironment(), path_, kTimeout, {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->was_live);
  EXPECT_EQ(report->pages_merged, 7U);  // 1, 3, 5, 9, 10, 11, 12
  EXPECT_EQ(report->leftover, "");
  ExpectOrdinaryAndWhole("at the end");
  EXPECT_EQ(NamesInFolder(), 1U);
}

TEST_F(Detach, Cuts_a_base_that_is_longer_than_the_last_commit_says) {
  last_page_count_ = 5;
  MakeLive();
  ASSERT_TRUE(DetachDatabase(LocalEnvironment(), path_, kTimeout, {}).ok());
  ExpectOrdinaryAndWhole("at the end");
}

TEST_F(Detach, Of_an_ordinary_file_changes_nothing) {
  MakeLive();
  ASSERT_TRUE(DetachDatabase(LocalEnvironment(), path_, kTimeout, {}).ok());
  const Result<DetachReport> again = DetachDatabase(LocalEnvironment(), path_, kTimeout, {});
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_FALSE(again->was_live);
  ExpectOrdinaryAndWhole("at the end");
}

// Every change that a detach makes to the file system is once its last. What it leaves is whole, can be used, and can
// be detached again, with a base that grows and with one that shrinks.
class DetachKilled : public Detach, public testing::WithParamInterface<uint32_t> {};

TEST_P(DetachKilled, At_every_step_leaves_a_whole_database) {
  last_page_count_ = GetParam();
  MakeLive();
  Keep();
  int was_live = 0;
  int was_ordinary = 0;
  for (int step = 0; step < kMaxSteps; step++) {
    const std::string when = "killed at step " + std::to_string(step);
    Restore();
    DyingFileSystem files;
    files.dies_at = step;
    const Environment environment = EnvironmentOn(files);
    const Result<DetachReport> report = DetachDatabase(environment, path_, kTimeout, {});
    if (files.changes <= step) {
      ASSERT_TRUE(report.ok()) << when << ": " << report.status().message();
      break;
    }
    files.CloseAll();
    const bool live = GoesOn();
    (live ? was_live : was_ordinary)++;
    if (live) {
      ASSERT_FALSE(report.ok()) << when;
      ASSERT_NO_FATAL_FAILURE(ExpectLiveAndWhole(when));
    }
    const Result<DetachReport> again = DetachDatabase(LocalEnvironment(), path_, kTimeout, {});
    ASSERT_TRUE(again.ok()) << when << ": " << again.status().message();
    ASSERT_EQ(again->leftover, "") << when;
    ASSERT_NO_FATAL_FAILURE(ExpectOrdinaryAndWhole(when + ", and detached again"));
    ASSERT_EQ(NamesInFolder(), 1U) << when;
  }
  EXPECT_GT(was_live, 10);
  EXPECT_GT(was_ordinary, 3);
  DropKept();
}

// The same, but the database is written to between the broken detach and the next one.
TEST_P(DetachKilled, At_every_step_leaves_a_database_that_goes_on) {
  last_page_count_ = GetParam();
  MakeLive();
  Keep();
  const Pages kept = expected_;
  for (int step = 0; step < kMaxSteps; step++) {
    const std::string when = "killed at step " + std::to_string(step);
    Restore();
    expected_ = kept;
    DyingFileSystem files;
    files.dies_at = step;
    const Environment environment = EnvironmentOn(files);
    (void)DetachDatabase(environment, path_, kTimeout, {});
    files.CloseAll();
    if (!GoesOn()) {
      ASSERT_GT(step, 10);
      break;
    }
    {
      const std::shared_ptr<Database> database = OpenDatabase(path_);
      ASSERT_TRUE(database) << when;
      ASSERT_NO_FATAL_FAILURE(Commit(*database, 5, {1, 2, 3}, last_page_count_));
    }
    ASSERT_NO_FATAL_FAILURE(ExpectLiveAndWhole(when));
    ASSERT_TRUE(DetachDatabase(LocalEnvironment(), path_, kTimeout, {}).ok()) << when;
    ASSERT_NO_FATAL_FAILURE(ExpectOrdinaryAndWhole(when));
  }
  DropKept();
}

// A change that fails, instead of ending the process: the error is reported, and the database is whole and usable at
// once, by processes that had it open too.
TEST_P(DetachKilled, A_failed_step_is_reported_and_leaves_a_whole_database) {
  last_page_count_ = GetParam();
  MakeLive();
  Keep();
  for (int step = 0; step < kMaxSteps; step++) {
    const std::string when = "failed at step " + std::to_string(step);
    Restore();
    const std::shared_ptr<Database> open_before = OpenDatabase(path_);
    DyingFileSystem files;
    files.dies_at = step;
    files.dies_for_good = false;
    files.failure = StatusCode::kFull;
    const Environment environment = EnvironmentOn(files);
    const Result<DetachReport> report = DetachDatabase(environment, path_, kTimeout, {});
    if (files.changes <= step) {
      ASSERT_TRUE(report.ok()) << when << ": " << report.status().message();
      break;
    }
    files.CloseAll();
    if (GoesOn()) {
      const Result<Snapshot> snapshot = open_before->TakeSnapshot();
      ASSERT_TRUE(snapshot.ok()) << when << ": " << snapshot.status().message();
      ASSERT_NO_FATAL_FAILURE(ExpectPages(*snapshot, expected_, when, /*may_conflict=*/false));
      ASSERT_NO_FATAL_FAILURE(ExpectLiveAndWhole(when));
    } else {
      ASSERT_TRUE(DetachDatabase(LocalEnvironment(), path_, kTimeout, {}).ok()) << when;
      ASSERT_NO_FATAL_FAILURE(ExpectOrdinaryAndWhole(when));
    }
  }
  DropKept();
}

// Between any two changes of a detach: a transaction that began long before, one that began just before, and one that
// begins now, each in a process of its own. None ever sees a page that is not of its state.
TEST_P(DetachKilled, Readers_see_one_state_at_every_step) {
  last_page_count_ = GetParam();
  MakeLive();
  const Pages newest = expected_;
  const std::shared_ptr<Database> reader = OpenDatabase(path_);
  const std::shared_ptr<Database> writer = OpenDatabase(path_);
  const Result<Snapshot> old = reader->TakeSnapshot();
  ASSERT_TRUE(old.ok());
  ASSERT_NO_FATAL_FAILURE(Commit(*writer, 6, {1, 2, 5}, last_page_count_));
  const std::shared_ptr<Database> second = OpenDatabase(path_);
  const Result<Snapshot> last = second->TakeSnapshot();
  ASSERT_TRUE(last.ok());
  DyingFileSystem files;
  int began = 0;
  int refused = 0;
  files.before_change = [&] {
    const std::string when = "before change " + std::to_string(files.changes);
    ASSERT_NO_FATAL_FAILURE(ExpectPages(*old, newest, when, /*may_conflict=*/true));
    ASSERT_NO_FATAL_FAILURE(ExpectPages(*last, expected_, when, /*may_conflict=*/true));
    // A reader that waits for the end of a seal would wait for the thread that it runs on.
    if (GoesOn() && !LastSegmentIsLive()) return;
    const Result<Snapshot> fresh = second->TakeSnapshot();
    if (!fresh.ok()) {
      refused++;
      return;
    }
    began++;
    ASSERT_EQ(refused, 0) << when;
    ASSERT_NO_FATAL_FAILURE(ExpectPages(*fresh, expected_, when, /*may_conflict=*/false));
  };
  const Environment environment = EnvironmentOn(files);
  const Result<DetachReport> report = DetachDatabase(environment, path_, kTimeout, {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_GT(began, 10);
  EXPECT_GT(refused, 3);
  // The file is ordinary now, and its owner may write to it.
  { std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary).seekp(kPageSize) << std::string(2048, 'x'); }
  ASSERT_NO_FATAL_FAILURE(ExpectPages(*last, expected_, "after others wrote", /*may_conflict=*/true));
  const Result<Snapshot> after = second->TakeSnapshot();
  EXPECT_FALSE(after.ok());
  EXPECT_NE(after.status().message().find("was detached"), std::string::npos) << after.status().message();
}

// A detach that dies after the file has become ordinary: who had the last segment open does not take what the file's
// new owner writes for the state that it read.
TEST_P(DetachKilled, At_every_step_leaves_no_reader_behind_that_believes_a_changed_file) {
  last_page_count_ = GetParam();
  MakeLive();
  Keep();
  int told = 0;
  for (int step = 0; step < kMaxSteps; step++) {
    const std::string when = "killed at step " + std::to_string(step);
    Restore();
    const std::shared_ptr<Database> reader = OpenDatabase(path_);
    Result<Snapshot> snapshot = reader->TakeSnapshot();
    DyingFileSystem files;
    files.dies_at = step;
    files.before_change = [&] {
      if (files.changes > step || !GoesOn() || !LastSegmentIsLive()) return;
      snapshot = reader->TakeSnapshot();
      ASSERT_TRUE(snapshot.ok()) << when << ": " << snapshot.status().message();
    };
    const Environment environment = EnvironmentOn(files);
    (void)DetachDatabase(environment, path_, kTimeout, {});
    files.CloseAll();
    if (IsLive(PosixFileSystem(), path_)) continue;
    { std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary).seekp(kPageSize) << std::string(2048, 'x'); }
    ASSERT_NO_FATAL_FAILURE(ExpectPages(*snapshot, expected_, when, /*may_conflict=*/true));
    ASSERT_FALSE(reader->TakeSnapshot().ok()) << when;
    told++;
    if (files.changes <= step) break;
  }
  EXPECT_GT(told, 0);
  DropKept();
}

INSTANTIATE_TEST_SUITE_P(PageCount, DetachKilled, testing::Values(12U, 5U));

TEST_F(Detach, Waits_for_a_writer_and_says_so) {
  MakeLive();
  const std::shared_ptr<Database> database = OpenDatabase(path_);
  const Result<Snapshot> snapshot = database->TakeSnapshot();
  Result<std::unique_ptr<Writer>> writer = database->BeginWrite(*snapshot, Database::NewOwner(), kTimeout);
  ASSERT_TRUE(writer.ok());
  const Result<DetachReport> report = DetachDatabase(LocalEnvironment(), path_, kNoTime, {});
  EXPECT_TRUE(report.status().Is(StatusCode::kBusy)) << report.status().message();
  writer->reset();
  ASSERT_NO_FATAL_FAILURE(ExpectLiveAndWhole("after the wait"));
}

TEST_F(Detach, Waits_for_who_has_locked_the_file) {
  MakeLive();
  Result<std::unique_ptr<File>> other = PosixFileSystem().Open(path_, OpenMode::kReadWrite);
  ASSERT_TRUE(*(*other)->TryLock(kSqliteLockOffset, kSqliteLockLength));
  const Result<DetachReport> report = DetachDatabase(LocalEnvironment(), path_, kNoTime, {});
  EXPECT_TRUE(report.status().Is(StatusCode::kBusy)) << report.status().message();
  ASSERT_NO_FATAL_FAILURE(ExpectLiveAndWhole("after the wait"));
}

}  // namespace
}  // namespace sqlite_efs
