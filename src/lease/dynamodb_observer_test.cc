#include "lease/dynamodb_observer.h"

#include <gtest/gtest.h>

#include "lease/lease.h"
#include "testing/dynamodb_service.h"
#include "testing/manual_clock.h"

namespace sqlite_efs {
namespace {

using std::chrono::seconds;
using testing::DynamoDbService;
using testing::ManualClock;
using Fate = DynamoDbService::Fate;

constexpr const char* kId = "01234567-89ab-4cde-8f01-23456789abcd";
constexpr Duration kLimit = seconds(5);

class DynamoDbObserverTest : public ::testing::Test {
 protected:
  std::unique_ptr<Lease> NewLease() {
    return std::make_unique<Lease>(service_.NewStore(clock_), clock_, clock_.NewAlarm(), LeaseOptions{}, kId, "/db");
  }
  std::optional<DynamoDbItem> Look() {
    Result<std::optional<DynamoDbItem>> item = observer_.Look(kId, kLimit);
    EXPECT_TRUE(item.ok()) << item.status().message();
    return item.ok() ? std::move(*item) : std::nullopt;
  }
  nlohmann::json Item() {
    const nlohmann::json* item = service_.table.Find(kId);
    return item == nullptr ? nlohmann::json() : *item;
  }
  Result<std::optional<CleanRelease>> Acquire(Lease& lease) { return lease.Acquire(clock_.Now() + seconds(1)); }

  DynamoDbService service_;
  ManualClock clock_;
  DynamoDbObserver observer_{service_.NewClient(clock_), clock_};
  std::unique_ptr<Lease> holder_ = NewLease();
  const CleanRelease clean_ = {7, 1, 12, "dynamodb/eu-west-1/locks"};
};

TEST_F(DynamoDbObserverTest, Looks_and_changes_nothing) {
  EXPECT_FALSE(Look().has_value());
  EXPECT_TRUE(Item().is_null());
  ASSERT_TRUE(Acquire(*holder_).ok());
  nlohmann::json before = Item();
  const std::optional<DynamoDbItem> held = Look();
  ASSERT_TRUE(held.has_value());
  EXPECT_NE(held->record.holder, "");
  EXPECT_GT(held->record.expires_at_ms, held->record.since_ms);
  EXPECT_EQ(Item(), before);
  ASSERT_TRUE(holder_->Release(clean_).ok());
  before = Item();
  EXPECT_EQ(Look()->record.released, clean_);
  EXPECT_EQ(Item(), before);
  EXPECT_EQ(observer_.name(), clean_.store);
}

TEST_F(DynamoDbObserverTest, Ends_a_tenure_without_a_promise) {
  ASSERT_TRUE(Acquire(*holder_).ok());
  ASSERT_TRUE(holder_->Release(clean_).ok());
  ASSERT_TRUE(Acquire(*holder_)->has_value());
  const Result<bool> ended = observer_.End(*Look(), kLimit);
  ASSERT_TRUE(ended.ok() && *ended);
  // The holder learns it from its next renewal, and does not come back.
  clock_.Advance(seconds(4));
  EXPECT_FALSE(holder_->held());
  EXPECT_TRUE(Look()->record.lock_id.empty());
  EXPECT_FALSE(Look()->record.released.has_value());
  const auto next = NewLease();
  const Result<std::optional<CleanRelease>> joins = Acquire(*next);
  ASSERT_TRUE(joins.ok());
  EXPECT_FALSE(joins->has_value());
  // Nor does its late release touch the next tenure.
  ASSERT_TRUE(holder_->Release(clean_).ok());
  EXPECT_FALSE(Look()->record.lock_id.empty());
}

TEST_F(DynamoDbObserverTest, The_release_of_an_ended_tenure_promises_nothing) {
  ASSERT_TRUE(Acquire(*holder_).ok());
  ASSERT_TRUE(observer_.End(*Look(), kLimit).ok());
  ASSERT_TRUE(holder_->Release(clean_).ok());
  EXPECT_FALSE(Look()->record.released.has_value());
}

TEST_F(DynamoDbObserverTest, Ends_only_the_tenure_that_was_seen) {
  ASSERT_TRUE(Acquire(*holder_).ok());
  const DynamoDbItem seen = *Look();
  ASSERT_TRUE(holder_->Release(clean_).ok());
  EXPECT_FALSE(*observer_.End(seen, kLimit));
  EXPECT_EQ(Look()->record.released, clean_);
  ASSERT_TRUE(Acquire(*holder_).ok());
  EXPECT_FALSE(*observer_.End(seen, kLimit));
  EXPECT_FALSE(Look()->record.lock_id.empty());
  // A heartbeat in between is of the same tenure.
  const DynamoDbItem earlier = *Look();
  clock_.Advance(seconds(4));
  EXPECT_GT(Look()->record.version, earlier.record.version);
  EXPECT_TRUE(*observer_.End(earlier, kLimit));
}

TEST_F(DynamoDbObserverTest, Who_waits_keeps_its_place) {
  ASSERT_TRUE(Acquire(*holder_).ok());
  (*service_.table.Put(kId))["queue"] = {{"S", "aaaaaaaa bbbbbbbb"}};
  EXPECT_TRUE(*observer_.End(*Look(), kLimit));
  EXPECT_EQ(Item()["queue"]["S"], "aaaaaaaa bbbbbbbb");
}

TEST_F(DynamoDbObserverTest, Lost_replies_are_understood) {
  for (const Fate fate : {Fate::kLost, Fate::kReplyLost, Fate::kDoubled}) {
    ASSERT_TRUE(Acquire(*holder_).ok());
    service_.Expect({fate});
    const DynamoDbItem seen = *Look();
    service_.Expect({fate});
    const Result<bool> ended = observer_.End(seen, kLimit);
    EXPECT_TRUE(ended.ok() && *ended);
    (void)service_.Deliver();
    EXPECT_TRUE(Look()->record.lock_id.empty());
    ASSERT_TRUE(holder_->Release(std::nullopt).ok());
  }
}

TEST_F(DynamoDbObserverTest, A_service_that_is_not_there_is_told_within_the_limit) {
  service_.answer = HttpResponse{503, {}, ""};
  const Instant begun = clock_.Now();
  EXPECT_TRUE(observer_.Look(kId, kLimit).status().Is(StatusCode::kUnavailable));
  EXPECT_LE(clock_.Now() - begun, kLimit);
  service_.answer = HttpResponse{200, {{"x-amzn-RequestId", "0"}, {"x-amz-crc32", "0"}}, "{}"};
  EXPECT_TRUE(observer_.Look(kId, kLimit).status().Is(StatusCode::kUnavailable));
}

}  // namespace
}  // namespace sqlite_efs
