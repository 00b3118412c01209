#include "store/attach.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "store/base_file.h"
#include "store/database.h"
#include "store/scratch.h"
#include "testing/scripted_file_system.h"
#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::TempDirectory;
using testing::WriteWholeFile;

constexpr uint32_t kPageSize = 512;
constexpr int kMaxCalls = 200;
constexpr Duration kTimeout = std::chrono::minutes(1);

enum class Trouble { kFails, kReplyIsLost, kDies };

class AttachTest : public ::testing::Test {
 protected:
  using Action = std::function<Status(FileSystem&)>;

  void MakeOrdinary() {
    const std::vector<std::byte> page = EmptyDatabasePage(kPageSize);
    WriteWholeFile(layout_.base(), {reinterpret_cast<const char*>(page.data()), page.size()});
  }
  void MakeEmpty() { WriteWholeFile(layout_.base(), ""); }
  void RemoveAll() {
    for (const std::string& name : directory_.Names()) std::filesystem::remove_all(directory_ / name);
  }
  Status GoLive(FileSystem& files) { return CreateLogDirectory(files, layout_, kPageSize, nullptr); }
  bool Live() { return IsLive(PosixFileSystem(), layout_.base()); }

  // It opens, has its one page, and takes a commit.
  void ExpectWhole() {
    const Result<std::shared_ptr<Database>> database = Database::Open(SystemEnvironment(), layout_.base(), {});
    ASSERT_TRUE(database.ok()) << database.status().message();
    Result<Snapshot> snapshot = (*database)->TakeSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status().message();
    EXPECT_EQ(snapshot->page_count(), 1U);
    std::vector<std::byte> page(kPageSize);
    const Status read = snapshot->ReadPage({1}, 0, page);
    ASSERT_TRUE(read.ok()) << read.message();
    const Result<std::unique_ptr<Writer>> writer = (*database)->BeginWrite(*snapshot, Database::NewOwner(), kTimeout);
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    ASSERT_TRUE((*writer)->WritePage({1}, page).ok());
    const Status committed = (*writer)->Commit(1, &*snapshot);
    ASSERT_TRUE(committed.ok()) << committed.message();
  }

  // The action meets the trouble at its `nth` call, which tells whether there was such a call.
  bool Try(const Action& action, Trouble trouble, int nth, Status* status) {
    ScriptedFileSystem files(PosixFileSystem());
    int calls = 0;
    const auto hook = [&](const Call& call) -> Status {
      calls++;
      const bool hit = trouble == Trouble::kDies ? calls >= nth : calls == nth;
      return hit ? Status::FromErrno(EIO, "(scripted)", call.path) : Status();
    };
    trouble == Trouble::kReplyIsLost ? files.After(hook) : files.Before(hook);
    *status = action(files);
    return calls >= nth;
  }

  // Whatever call meets the trouble, the database is live and whole, or as it was and can go live the next time.
  void ExpectOrdinaryOrLive(Trouble trouble, const std::function<void()>& make, const Action& action) {
    int live = 0;
    int ordinary = 0;
    for (int nth = 1;; nth++) {
      SCOPED_TRACE(nth);
      ASSERT_LT(nth, kMaxCalls);
      RemoveAll();
      make();
      Status status;
      const bool met = Try(action, trouble, nth, &status);
      EXPECT_TRUE(!status.ok() || Live()) << "success was told, and it is not live";
      Live() ? live++ : ordinary++;
      if (!Live()) {
        EXPECT_TRUE(trouble == Trouble::kDies || directory_.Names() == std::vector<std::string>{"db"})
            << "a failure leaves nothing behind";
        const Status again = action(PosixFileSystem());
        ASSERT_TRUE(again.ok()) << again.message();
      }
      ExpectWhole();
      EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"db", "db-wal"}));
      if (!met) break;
    }
    EXPECT_GT(live, 1) << "the one that met no trouble, and at least one that did";
    EXPECT_GT(ordinary, 1);
  }

  TempDirectory directory_;
  const Layout layout_{directory_ / "db"};
};

class AttachTroubleTest : public AttachTest, public ::testing::WithParamInterface<Trouble> {};

TEST_P(AttachTroubleTest, At_any_call_leaves_the_database_ordinary_or_live) {
  ExpectOrdinaryOrLive(
      GetParam(), [&] { MakeOrdinary(); }, [&](FileSystem& files) { return GoLive(files); });
}

TEST_P(AttachTroubleTest, At_any_call_leaves_a_new_database_to_be_made_or_live) {
  ExpectOrdinaryOrLive(
      GetParam(), [&] { MakeEmpty(); },
      [&](FileSystem& files) -> Status {
        EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> base, files.Open(layout_.base(), OpenMode::kReadWrite));
        return CreateDatabase(files, *base, layout_, kPageSize, nullptr).status();
      });
}

std::string NameOf(const ::testing::TestParamInfo<Trouble>& info) {
  switch (info.param) {
    case Trouble::kFails:
      return "fails";
    case Trouble::kReplyIsLost:
      return "reply_is_lost";
    case Trouble::kDies:
      return "dies";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Troubles, AttachTroubleTest,
                         ::testing::Values(Trouble::kFails, Trouble::kReplyIsLost, Trouble::kDies), NameOf);

TEST_F(AttachTest, A_creation_that_was_broken_off_in_its_first_page_is_undone_and_nothing_else_is) {
  const std::vector<std::byte> page = EmptyDatabasePage(8 * kPageSize);
  const std::string whole(reinterpret_cast<const char*>(page.data()), page.size());
  std::string other = whole;
  other[60] = 1;  // a user version: somebody has written to it
  for (const auto& [content, is_undone] : {std::pair(whole.substr(0, 512), true),
                                           {whole, false},
                                           {other.substr(0, 512), false},
                                           {whole.substr(0, 50), false}}) {
    WriteWholeFile(layout_.base(), content);
    const auto base = PosixFileSystem().Open(layout_.base(), OpenMode::kReadWrite);
    ASSERT_TRUE(base.ok() && UndoBrokenCreation(**base).ok());
    EXPECT_EQ(testing::ReadWholeFile(layout_.base()), is_undone ? "" : content);
  }
}

TEST_F(AttachTest, What_is_live_already_stays_as_it_is) {
  MakeOrdinary();
  ASSERT_TRUE(GoLive(PosixFileSystem()).ok());
  const std::string id = testing::ReadWholeFile(layout_.id());
  EXPECT_TRUE(GoLive(PosixFileSystem()).Is(StatusCode::kExists));
  EXPECT_EQ(testing::ReadWholeFile(layout_.id()), id);
  EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"db", "db-wal"}));
}

TEST_F(AttachTest, A_wal_file_in_the_place_of_the_directory_is_left_alone) {
  MakeOrdinary();
  WriteWholeFile(layout_.directory(), "of a stock SQLite");
  EXPECT_FALSE(GoLive(PosixFileSystem()).ok());
  EXPECT_EQ(testing::ReadWholeFile(layout_.directory()), "of a stock SQLite");
  EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"db", "db-wal"}));
}

TEST_F(AttachTest, A_refusal_before_it_goes_live_leaves_it_ordinary) {
  MakeOrdinary();
  std::string prepared;
  const Status status = CreateLogDirectory(PosixFileSystem(), layout_, kPageSize, [&](const Layout& preparation) {
    prepared = preparation.directory();
    EXPECT_EQ(::access(preparation.lease().c_str(), F_OK), 0) << "it is complete by then";
    return Status::Busy("not now");
  });
  EXPECT_TRUE(status.Is(StatusCode::kBusy));
  EXPECT_NE(prepared, layout_.directory());
  EXPECT_EQ(directory_.Names(), std::vector<std::string>{"db"});
}

// Its maker was frozen, has lost the lock, and renames it into place while another process takes it apart.
TEST_F(AttachTest, A_preparation_that_comes_late_is_not_half_of_one) {
  MakeOrdinary();
  const std::string kept = directory_ / "kept";
  std::string prepared;
  (void)CreateLogDirectory(PosixFileSystem(), layout_, kPageSize, [&](const Layout& preparation) {
    prepared = preparation.directory();
    std::filesystem::copy(prepared, kept);
    return Status::Busy("not now");
  });
  std::filesystem::rename(kept, prepared);
  ScriptedFileSystem files(PosixFileSystem());
  int removed = 0;
  files.After([&](const Call& call) -> Status {
    // Without the lease's file it would still be whole.
    if (call.op != Op::kRemove || ++removed != 2) return {};
    (void)PosixFileSystem().Rename(prepared, layout_.directory());
    return {};
  });
  RemoveScratch(files, layout_);
  ASSERT_GE(removed, 2);
  if (!Live()) {
    ASSERT_TRUE(GoLive(PosixFileSystem()).ok());
  }
  ExpectWhole();
}

TEST_F(AttachTest, Who_may_use_the_base_may_use_the_log) {
  struct Case {
    mode_t base;
    mode_t directory;
  };
  for (const Case& c : {Case{0600, 0700}, Case{0640, 0750}, Case{0664, 0775}, Case{0666, 0777}, Case{0644, 0755}}) {
    RemoveAll();
    MakeOrdinary();
    ASSERT_EQ(::chmod(layout_.base().c_str(), c.base), 0);
    ASSERT_TRUE(GoLive(PosixFileSystem()).ok());
    struct stat status = {};
    ASSERT_EQ(::stat(layout_.directory().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, c.directory) << std::oct << c.base;
    ASSERT_EQ(::stat(layout_.lease().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0666, c.base) << std::oct << c.base;
  }
}

TEST_F(AttachTest, A_file_with_several_names_is_refused) {
  MakeOrdinary();
  EXPECT_TRUE(CheckAttachable(PosixFileSystem(), layout_).ok());
  ASSERT_EQ(::link(layout_.base().c_str(), (directory_ / "other").c_str()), 0);
  const Status refused = CheckAttachable(PosixFileSystem(), layout_);
  EXPECT_TRUE(refused.Is(StatusCode::kCantOpen));
  EXPECT_NE(refused.message().find(layout_.base()), std::string::npos);
}

}  // namespace
}  // namespace sqlite_efs
