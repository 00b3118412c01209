// A creator of a new database that was stopped until others had used the file.
#include <gtest/gtest.h>

#include "store/base_file.h"
#include "store/database.h"
#include "testing/scripted_file_system.h"
#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Op;
using testing::Overwrite;
using testing::ReadWholeFile;
using testing::ScriptedFileSystem;
using testing::TempDirectory;
using testing::WriteWholeFile;

constexpr uint32_t kPageSize = 4096;

class CreationTest : public ::testing::Test {
 protected:
  CreationTest() { WriteWholeFile(layout_.base(), ""); }

  // The first transaction of the new database, up to its first page.
  Status WriteFirstPage() {
    const Environment& system = SystemEnvironment();
    const Environment environment = {files_, system.clock, system.new_alarm, system.new_lease_store};
    EFS_ASSIGN_OR_RETURN(const std::shared_ptr<Database> database, Database::Open(environment, layout_.base(), {}));
    EFS_ASSIGN_OR_RETURN(const Snapshot snapshot, database->TakeSnapshot());
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<Writer> writer,
                         database->BeginWrite(snapshot, Database::NewOwner(), std::chrono::seconds(1)));
    return writer->WritePage({1}, EmptyDatabasePage(kPageSize));
  }

  TempDirectory directory_;
  const Layout layout_{directory_ / "db"};
  ScriptedFileSystem files_{PosixFileSystem()};
};

TEST_F(CreationTest, Writes_its_page_when_all_but_the_rename_is_done) {
  bool is_in_place = false;
  files_.Before([&](const Call& call) {
    EXPECT_FALSE(is_in_place && call.op == Op::kWrite && call.path == layout_.base());
    if (call.op != Op::kRename || call.path != layout_.directory()) return Status();
    is_in_place = true;
    EXPECT_EQ(ReadWholeFile(layout_.base()).size(), kPageSize);
    return Status();
  });
  ASSERT_TRUE(WriteFirstPage().ok());
  EXPECT_TRUE(is_in_place);
}

TEST_F(CreationTest, Leaves_the_file_alone_when_the_preparation_fails) {
  files_.Before([&](const Call& call) {
    return call.op == Op::kMakeDirectory ? Status::FromErrno(ENOSPC, "make", call.path) : Status();
  });
  EXPECT_FALSE(WriteFirstPage().ok());
  EXPECT_EQ(ReadWholeFile(layout_.base()), "");
}

TEST_F(CreationTest, Does_not_believe_that_a_file_is_empty_which_others_have_filled) {
  files_.Before([&](const Call& call) {
    if (call.op == Op::kRename && call.path == layout_.directory()) {
      Overwrite(layout_.base(), kPageSize, std::string(kPageSize, 'o'));
    }
    return Status();
  });
  const Status status = WriteFirstPage();
  EXPECT_TRUE(status.Is(StatusCode::kConflict)) << status.message();
}

// A creator writes the first page just before it makes the database live.
TEST_F(CreationTest, A_creator_that_does_not_finish_is_waited_for_up_to_the_timeout) {
  const auto database = Database::Open(SystemEnvironment(), layout_.base(), {});
  ASSERT_TRUE(database.ok());
  WriteWholeFile(layout_.base(), std::string(kPageSize, 'p'));
  for (const Duration timeout : {Duration::zero(), Duration(std::chrono::milliseconds(200))}) {
    const Instant begun = SystemClock().Now();
    const Status status = (*database)->TakeSnapshot(timeout).status();
    EXPECT_GE(SystemClock().Now() - begun, timeout);
    EXPECT_LT(SystemClock().Now() - begun, timeout + std::chrono::seconds(2));
    EXPECT_TRUE(status.Is(StatusCode::kBusy)) << status.message();
    EXPECT_NE(status.message().find("another program has begun to create " + layout_.base()), std::string::npos);
  }
}

}  // namespace
}  // namespace sqlite_efs
