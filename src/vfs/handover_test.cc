#include "vfs/handover.h"

#include <gtest/gtest.h>

#include "testing/dynamodb_service.h"
#include "testing/live_test.h"
#include "testing/manual_clock.h"
#include "vfs/ordinary.h"

namespace sqlite_efs {
namespace {

using std::chrono::seconds;
using testing::Call;
using testing::DynamoDbService;
using testing::EnvironmentOn;
using testing::Is;
using testing::LiveTest;
using testing::ManualClock;
using testing::Op;
using testing::ScriptedFileSystem;

class HandoverTest : public LiveTest {
 protected:
  HandoverTest() {
    EXPECT_EQ(OpenStock("db.sqlite3").Exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)"), SQLITE_OK);
    // The file server's clock, which stamps the base, is not the test's.
    clock_.on_sleep = [this] { SystemClock().Sleep(2 * environment_.merge.tick); };
    environment_.new_former_lock = [this](const std::string& table, const std::string& name) {
      EXPECT_EQ(table, "locks");
      return std::make_unique<FormerLock>(service_.NewClient(clock_), clock_, name);
    };
    settings_.lock_dynamodb_table = "locks";
    settings_.lock_former_name = "app.sqlite3";
  }
  std::unique_ptr<Handover> NewHandover() { return std::make_unique<Handover>(environment_, settings_, path_); }
  nlohmann::json* Item() { return service_.table.Find("database#app.sqlite3"); }
  bool IsKept() { return Item() != nullptr && !Item()->contains("expires_at"); }
  bool Live() { return IsLive(PosixFileSystem(), path_); }
  void FormerTakes() {
    *service_.table.Put("database#app.sqlite3") = {
        {"lock_id", {{"S", "former"}}}, {"expires_at", {{"N", std::to_string(clock_.WallTime_ms() / 1000 + 10)}}}};
  }

  const std::string path_ = Path();
  ManualClock clock_;
  DynamoDbService service_;
  ScriptedFileSystem files_{PosixFileSystem()};
  Environment environment_{files_, clock_, [this] { return clock_.NewAlarm(); }, EnvironmentOn(files_).new_lease_store};
  Settings settings_;
};

TEST_F(HandoverTest, A_database_goes_live_with_the_former_lock_kept) {
  bool kept_before = false;
  files_.Before([&](const Call& call) -> Status {
    if (Is(call, Op::kRename, "")) kept_before = IsKept();
    return {};
  });
  EXPECT_TRUE(NewHandover()->Attach(testing::kStockVfs).ok());
  EXPECT_TRUE(Live());
  EXPECT_TRUE(kept_before);
  EXPECT_TRUE(IsKept());
  EXPECT_EQ(service_.requests, 2u);
}

TEST_F(HandoverTest, While_the_package_has_its_lock_nothing_is_done) {
  FormerTakes();
  const auto handover = NewHandover();
  for (int i = 0; i < 100; i++) {
    const Status status = handover->Attach(testing::kStockVfs);
    ASSERT_TRUE(status.Is(StatusCode::kBusy));
    EXPECT_NE(status.message().find("cannot be made live: django-sqlite-efs 0.1"), std::string::npos);
    clock_.Advance(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(Live());
  EXPECT_LE(service_.requests, 20u);
  service_.table.Remove("database#app.sqlite3");
  clock_.Advance(seconds(1));
  EXPECT_TRUE(handover->Attach(testing::kStockVfs).ok());
}

TEST_F(HandoverTest, What_could_not_go_live_is_left_to_the_package) {
  const auto refuse = [](const Call& call) -> Status {
    return Is(call, Op::kRename, "") ? Status::IoError("refused") : Status();
  };
  files_.Before(refuse);
  auto handover = NewHandover();
  EXPECT_FALSE(handover->Attach(testing::kStockVfs).ok());
  EXPECT_TRUE(IsKept());
  handover.reset();
  EXPECT_FALSE(Live());
  EXPECT_EQ(Item(), nullptr);
}

TEST_F(HandoverTest, A_lock_that_was_lost_meanwhile_is_waited_for_again) {
  int taken = 0;
  service_.before = [&](const HttpRequest&) {
    if (++taken == 2) FormerTakes();
  };
  const auto handover = NewHandover();
  EXPECT_TRUE(handover->Attach(testing::kStockVfs).Is(StatusCode::kBusy));
  EXPECT_FALSE(Live());
  clock_.Advance(seconds(11));
  EXPECT_TRUE(handover->Attach(testing::kStockVfs).ok());
  EXPECT_TRUE(IsKept());
}

TEST_F(HandoverTest, Who_comes_second_keeps_the_lock_too) {
  auto second = NewHandover();
  service_.before = [&](const HttpRequest&) {
    if (Live()) return;
    EXPECT_TRUE(AttachDatabase(environment_, path_, testing::kStockVfs).ok());
  };
  EXPECT_TRUE(second->Attach(testing::kStockVfs).ok());
  EXPECT_FALSE(IsKept());
  second.reset();
  EXPECT_TRUE(IsKept());
}

TEST_F(HandoverTest, Without_a_table_or_a_name_there_is_no_lock) {
  settings_.lock_former_name = "";
  EXPECT_TRUE(NewHandover()->Attach(testing::kStockVfs).ok());
  EXPECT_TRUE(Live());
  EXPECT_EQ(service_.requests, 0u);
}

}  // namespace
}  // namespace sqlite_efs
