#include <gtest/gtest.h>

#include <utility>

#include "store/database.h"
#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Is;
using testing::LiveTest;
using testing::Op;
using testing::OtherProcess;
using testing::ScriptedFileSystem;

constexpr WriterGate::Owner kOwner = 1;
constexpr Duration kTimeout = std::chrono::seconds(5);

using CheckpointTest = LiveTest;

TEST_F(CheckpointTest, Goes_on_when_others_have_merged_all_that_it_has_followed_while_it_waited_for_the_lease) {
  ASSERT_EQ(Open().Exec("CREATE TABLE t(x)"), SQLITE_OK);
  OtherProcess other(Path());
  ScriptedFileSystem files(PosixFileSystem());
  const Environment environment = EnvironmentOn(files);
  const auto database = Database::Open(environment, Path(), StoreOptions{});
  ASSERT_TRUE(database.ok()) << database.status().message();
  ASSERT_TRUE((*database)->TakeSnapshot().ok());
  bool merged = false;
  files.Before([&](const Call& call) -> Status {
    if (!Is(call, Op::kTryLock, "/lease") || std::exchange(merged, true)) return {};
    EXPECT_TRUE(other.Commit().ok());
    return other.database().Checkpoint(kOwner, kTimeout, nullptr).status();
  });
  const auto done = (*database)->Checkpoint(kOwner, kTimeout, nullptr);
  EXPECT_TRUE(done.ok()) << done.status().message();
  EXPECT_TRUE(merged);
}

}  // namespace
}  // namespace sqlite_efs
