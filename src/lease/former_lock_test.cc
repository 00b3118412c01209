#include "lease/former_lock.h"

#include <gtest/gtest.h>

#include "testing/dynamodb_service.h"
#include "testing/manual_clock.h"

namespace sqlite_efs {
namespace {

using std::chrono::seconds;
using testing::DynamoDbService;
using testing::ManualClock;
using Fate = DynamoDbService::Fate;

constexpr const char* kName = "/mnt/efs/app \"1\".sqlite3";
constexpr Duration kExpiration = seconds(10);
constexpr Duration kLimit = seconds(5);

class FormerLockTest : public ::testing::Test {
 protected:
  std::unique_ptr<FormerLock> NewLock() {
    return std::make_unique<FormerLock>(service_.NewClient(clock_), clock_, kName);
  }
  nlohmann::json* Item() { return service_.table.Find(kPk); }
  // As the package itself does it.
  void FormerTakes(int64_t expires_at_s) {
    *service_.table.Put(kPk) = {{"pk", {{"S", kPk}}},
                                {"lock_id", {{"S", "former"}}},
                                {"expires_at", {{"N", std::to_string(expires_at_s) + ".123456"}}}};
  }
  bool FormerIsKeptOut() { return Item() != nullptr && (!Item()->contains("expires_at") || Expires() > Now_s()); }
  int64_t Expires() { return std::stoll((*Item())["expires_at"]["N"].get<std::string>()); }
  int64_t Now_s() { return clock_.WallTime_ms() / 1000; }

  const std::string kPk = std::string("database#") + kName;
  ManualClock clock_;
  DynamoDbService service_;
  std::unique_ptr<FormerLock> lock_ = NewLock();
};

TEST_F(FormerLockTest, Is_taken_kept_and_removed) {
  ASSERT_TRUE(lock_->Take(kExpiration, kLimit).ok());
  EXPECT_GE(Expires(), Now_s() + 10);
  ASSERT_TRUE(lock_->Keep(kLimit).ok());
  EXPECT_FALSE(Item()->contains("expires_at"));
  EXPECT_EQ(service_.requests, 2u);
  EXPECT_TRUE(*NewLock()->Remove(kLimit));
  EXPECT_EQ(Item(), nullptr);
  EXPECT_FALSE(*NewLock()->Remove(kLimit));
}

TEST_F(FormerLockTest, That_the_package_holds_is_respected_until_it_expires) {
  FormerTakes(Now_s() + 5);
  const Status status = lock_->Take(kExpiration, kLimit);
  EXPECT_TRUE(status.Is(StatusCode::kBusy));
  EXPECT_NE(status.message().find(kPk), std::string::npos) << status.message();
  EXPECT_TRUE(lock_->Keep(kLimit).Is(StatusCode::kBusy));
  EXPECT_TRUE(lock_->GiveBack(kLimit).ok());
  EXPECT_FALSE(*lock_->Remove(kLimit));
  EXPECT_EQ((*Item())["lock_id"]["S"], "former");
  clock_.Advance(seconds(6));
  EXPECT_TRUE(lock_->Take(kExpiration, kLimit).ok());
}

TEST_F(FormerLockTest, Is_given_back_kept_or_not) {
  for (const bool kept : {false, true}) {
    ASSERT_TRUE(lock_->Take(kExpiration, kLimit).ok());
    if (kept) {
      ASSERT_TRUE(lock_->Keep(kLimit).ok());
    }
    ASSERT_TRUE(lock_->GiveBack(kLimit).ok());
    EXPECT_EQ(Item(), nullptr);
  }
}

TEST_F(FormerLockTest, That_expired_and_is_the_packages_again_is_not_kept) {
  ASSERT_TRUE(lock_->Take(kExpiration, kLimit).ok());
  clock_.Advance(seconds(20));
  FormerTakes(Now_s() + 5);
  EXPECT_TRUE(lock_->Keep(kLimit).Is(StatusCode::kBusy));
  EXPECT_EQ((*Item())["lock_id"]["S"], "former");
}

// Who made the database live with it may have died just before.
TEST_F(FormerLockTest, That_is_kept_can_be_taken_by_the_next_one) {
  ASSERT_TRUE(lock_->Take(kExpiration, kLimit).ok());
  const auto other = NewLock();
  const Status status = other->Take(kExpiration, kLimit);
  EXPECT_TRUE(status.Is(StatusCode::kBusy));
  EXPECT_NE(status.message().find("being done by"), std::string::npos) << status.message();
  ASSERT_TRUE(lock_->Keep(kLimit).ok());
  ASSERT_TRUE(other->Take(kExpiration, kLimit).ok());
  EXPECT_TRUE(lock_->GiveBack(kLimit).ok());
  EXPECT_TRUE(FormerIsKeptOut());
  EXPECT_TRUE(other->Keep(kLimit).ok());
}

TEST_F(FormerLockTest, Lost_replies_are_understood) {
  for (const Fate fate : {Fate::kLost, Fate::kReplyLost, Fate::kDoubled}) {
    service_.Expect({fate});
    ASSERT_TRUE(lock_->Take(kExpiration, kLimit).ok());
    service_.Expect({fate});
    ASSERT_TRUE(lock_->Keep(kLimit).ok());
    EXPECT_FALSE(Item()->contains("expires_at"));
    service_.Expect({fate});
    ASSERT_TRUE(lock_->GiveBack(kLimit).ok());
    EXPECT_EQ(Item(), nullptr);
    (void)service_.Deliver();
    service_.table.Remove(kPk);
  }
}

TEST_F(FormerLockTest, A_request_that_comes_twice_undoes_nothing) {
  service_.Expect({Fate::kDoubled});
  ASSERT_TRUE(lock_->Take(kExpiration, kLimit).ok());
  ASSERT_TRUE(lock_->Keep(kLimit).ok());
  EXPECT_EQ(service_.Deliver(), 1u);
  EXPECT_FALSE(Item()->contains("expires_at"));
}

TEST_F(FormerLockTest, A_service_that_is_not_there_is_told_within_the_limit) {
  service_.answer = HttpResponse{503, {}, ""};
  const Instant begun = clock_.Now();
  EXPECT_TRUE(lock_->Take(kExpiration, kLimit).Is(StatusCode::kUnavailable));
  EXPECT_LE(clock_.Now() - begun, kLimit);
}

}  // namespace
}  // namespace sqlite_efs
