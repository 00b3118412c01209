#include "lease/lease.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "testing/lease_item.h"
#include "testing/manual_clock.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Fate;
using testing::LeaseItem;
using testing::LeaseOp;
using testing::ManualClock;

constexpr const char* kId = "01234567-89ab-4cde-8f01-23456789abcd";
constexpr Duration kExpiration = seconds(10);
constexpr Duration kMargin = milliseconds(500);
// How much longer than its deadline an Acquire() may take: a last request, and one that takes it back.
constexpr Duration kGrace = milliseconds(400);

using Previous = Result<std::optional<CleanRelease>>;

// A host with a clock of its own, and a process on it.
struct Host {
  explicit Host(LeaseItem& its_item) : item(its_item) { options.memory = std::make_shared<LeaseMemory>(); }

  std::unique_ptr<Lease> NewLease() {
    return std::make_unique<Lease>(item.NewStore(clock), clock, clock.NewAlarm(), options, kId, "/data/db.sqlite3");
  }
  // Another process on it.
  void Restart() { options.memory = std::make_shared<LeaseMemory>(); }

  LeaseItem& item;
  ManualClock clock;
  LeaseOptions options;
};

class LeaseTest : public ::testing::Test {
 protected:
  LeaseTest() {
    host_.options.expiration = kExpiration;
    other_.options.expiration = kExpiration;
  }
  static Previous Take(Host& host, Lease& lease, Duration timeout = seconds(5)) {
    return lease.Acquire(host.clock.Now() + timeout);
  }
  // A tenure that ends in order.
  void Tenure(Host& host) {
    const auto lease = host.NewLease();
    ASSERT_TRUE(Take(host, *lease).ok());
    ASSERT_TRUE(lease->Release(clean_).ok());
  }
  // A holder that dies; its record is left.
  void Die(Host& host) {
    {
      const auto lease = host.NewLease();
      ASSERT_TRUE(Take(host, *lease).ok());
      dead_ = *item_.record();
    }
    item_.Put(dead_);
    host.Restart();
  }
  // While this host sleeps, time passes on the other one too.
  void LiveTogether() {
    host_.clock.on_sleep = [this] { other_.clock.Advance(host_.clock.Now() - other_.clock.Now()); };
  }
  void Pass(Duration duration) {
    host_.clock.Advance(duration);
    other_.clock.Advance(duration);
  }
  size_t count(LeaseOp op) const { return item_.count(op); }

  const CleanRelease clean_ = {7, 0xfedcba9876543210, 12, "item"};
  LeaseItem item_;
  Host host_{item_};
  Host other_{item_};
  LeaseRecord dead_;
};

// --- taking, giving back

TEST_F(LeaseTest, A_free_lease_takes_one_call_and_its_release_another) {
  const auto lease = host_.NewLease();
  const Previous previous = Take(host_, *lease);
  ASSERT_TRUE(previous.ok()) << previous.status().message();
  EXPECT_FALSE(previous->has_value());
  EXPECT_TRUE(lease->held());
  const LeaseRecord record = *item_.record();
  EXPECT_EQ(record.database_id, kId);
  EXPECT_EQ(record.lease_ms, 10'000);
  EXPECT_EQ(record.expires_at_ms, record.since_ms + 10'000);
  EXPECT_EQ(record.since_ms, host_.clock.WallTime_ms());
  ASSERT_TRUE(lease->Release(clean_).ok());
  EXPECT_FALSE(lease->active());
  EXPECT_EQ(item_.record()->lock_id, "");
  EXPECT_EQ(count(LeaseOp::kAcquire) + count(LeaseOp::kRenew) + count(LeaseOp::kRelease), 2U);
}

TEST_F(LeaseTest, A_clean_release_is_told_to_the_next_holder_once) {
  Tenure(host_);
  const auto next = other_.NewLease();
  const Previous previous = Take(other_, *next);
  ASSERT_TRUE(previous.ok());
  EXPECT_EQ(*previous, clean_);
  ASSERT_TRUE(next->Release(std::nullopt).ok());
  EXPECT_FALSE(Take(host_, *host_.NewLease())->has_value());
}

TEST_F(LeaseTest, Attempts_have_names_of_their_own) {
  Tenure(host_);
  Tenure(host_);
  Tenure(other_);
  ASSERT_EQ(item_.lock_ids.size(), 3U);
  EXPECT_NE(item_.lock_ids[0], item_.lock_ids[1]);
  EXPECT_NE(item_.lock_ids[1], item_.lock_ids[2]);
}

TEST_F(LeaseTest, A_permanent_error_is_returned_at_once) {
  item_.ExpectAlways(LeaseOp::kAcquire, Fate::kDenied);
  const Instant begun = host_.clock.Now();
  const auto lease = host_.NewLease();
  EXPECT_TRUE(Take(host_, *lease).status().Is(StatusCode::kReadOnly));
  EXPECT_EQ(count(LeaseOp::kAcquire), 1U);
  EXPECT_EQ(host_.clock.Now(), begun);
  EXPECT_FALSE(lease->active());
}

// --- waiting

TEST_F(LeaseTest, A_wait_uses_its_attempts_up_to_the_deadline_and_names_the_holder) {
  const auto holder = other_.NewLease();
  ASSERT_TRUE(Take(other_, *holder).ok());
  const auto lease = host_.NewLease();
  const Instant begun = host_.clock.Now();
  const Previous refused = Take(host_, *lease);
  ASSERT_TRUE(refused.status().Is(StatusCode::kBusy));
  EXPECT_EQ(host_.clock.Now(), begun + seconds(5));
  EXPECT_EQ(count(LeaseOp::kAcquire), 1U + 10U);
  EXPECT_EQ(count(LeaseOp::kRelease), 0U) << "every outcome is known";
  const std::string text = refused.status().message();
  for (const char* part : {"database is locked: /data/db.sqlite3", ", process ", "since 2023-11-14T22:13:21Z",
                           "until 2023-11-14T22:13:31Z", "within 5 s (10 attempts)"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST_F(LeaseTest, A_holder_that_was_seen_is_named_although_the_last_attempt_had_no_reply) {
  const auto holder = other_.NewLease();
  ASSERT_TRUE(Take(other_, *holder).ok());
  item_.Expect(LeaseOp::kAcquire, {Fate::kServed, Fate::kServed});
  item_.ExpectAlways(LeaseOp::kAcquire, Fate::kLost);
  const Previous refused = Take(host_, *host_.NewLease());
  ASSERT_TRUE(refused.status().Is(StatusCode::kBusy));
  const std::string text = refused.status().message();
  for (const char* part : {"it was being written by ", ", process ", "since 2023-11-14T22:13:21Z",
                           " when last seen; the last attempt failed: ", "the service did not answer"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST_F(LeaseTest, Attempts_are_counted_anew_when_the_holder_changes) {
  LeaseRecord held;
  held.database_id = kId;
  host_.options.max_attempts = 3;
  item_.before = [&](LeaseOp) {
    held.lock_id += "x";
    item_.Put(held);
  };
  EXPECT_TRUE(Take(host_, *host_.NewLease()).status().Is(StatusCode::kBusy));
  EXPECT_GT(count(LeaseOp::kAcquire), 20U) << "others are served, our turn comes";
}

TEST_F(LeaseTest, A_waiter_gets_the_lease_when_it_is_released) {
  const auto holder = other_.NewLease();
  ASSERT_TRUE(Take(other_, *holder).ok());
  const Instant free = host_.clock.Now() + milliseconds(300);
  host_.clock.on_sleep = [&] {
    if (host_.clock.Now() >= free) (void)holder->Release(clean_);
  };
  const auto lease = host_.NewLease();
  const Previous previous = Take(host_, *lease);
  ASSERT_TRUE(previous.ok()) << previous.status().message();
  EXPECT_EQ(*previous, clean_);
  EXPECT_EQ(lease->metrics().Of(Count::kLeaseWaits), 1U);
  EXPECT_EQ(lease->metrics().Of(Count::kLeaseTakeovers), 0U) << "it was given back";
  EXPECT_GE(lease->metrics().values().Of(Time::kLeaseWait).sum_us, 300'000U) << "by the lease's own clock";
}

TEST_F(LeaseTest, A_service_that_never_answers_holds_nobody_much_beyond_the_deadline) {
  item_.ExpectAlways(LeaseOp::kAcquire, Fate::kLost);
  item_.ExpectAlways(LeaseOp::kRelease, Fate::kLost);
  for (const Duration timeout :
       {Duration::zero(), Duration(milliseconds(700)), Duration(seconds(5)), Duration(minutes(5))}) {
    const auto lease = host_.NewLease();
    const Instant begun = host_.clock.Now();
    const Previous refused = Take(host_, *lease, timeout);
    ASSERT_TRUE(refused.status().Is(StatusCode::kBusy));
    EXPECT_NE(refused.status().message().find("the service did not answer"), std::string::npos);
    EXPECT_LE(host_.clock.Now() - begun, timeout + kGrace);
    EXPECT_FALSE(lease->active());
  }
  EXPECT_LE(count(LeaseOp::kAcquire), 4U * 10U);
}

// --- lost, late and doubled requests

TEST_F(LeaseTest, A_lost_request_is_made_again_under_the_same_name) {
  Tenure(other_);
  item_.Expect(LeaseOp::kAcquire, {Fate::kLost, Fate::kLost});
  const auto lease = host_.NewLease();
  const Previous previous = Take(host_, *lease);
  ASSERT_TRUE(previous.ok());
  EXPECT_EQ(*previous, clean_);
  ASSERT_EQ(item_.lock_ids.size(), 4U);
  EXPECT_EQ(item_.lock_ids[1], item_.lock_ids[2]);
  EXPECT_EQ(item_.lock_ids[1], item_.lock_ids[3]);
}

TEST_F(LeaseTest, A_lost_reply_is_recognised_but_what_was_replaced_is_not_known) {
  Tenure(other_);
  item_.Expect(LeaseOp::kAcquire, {Fate::kReplyLost});
  const auto lease = host_.NewLease();
  const Instant begun = host_.clock.Now();
  const Previous previous = Take(host_, *lease);
  ASSERT_TRUE(previous.ok()) << previous.status().message();
  EXPECT_FALSE(previous->has_value()) << "another tenure may have lain in between";
  EXPECT_TRUE(lease->held());
  EXPECT_LT(host_.clock.Now() - begun, seconds(3));
  EXPECT_EQ(item_.record()->lock_id, item_.lock_ids.back());
  EXPECT_GT(item_.record()->expires_at_ms, host_.clock.WallTime_ms() + 9'900) << "it is fresh";
  EXPECT_TRUE(Take(other_, *other_.NewLease(), seconds(0)).status().Is(StatusCode::kBusy));
  EXPECT_TRUE(lease->Release(clean_).ok());
  EXPECT_EQ(item_.record()->released, clean_);
}

TEST_F(LeaseTest, What_was_recognised_may_be_gone_a_moment_later) {
  item_.Expect(LeaseOp::kAcquire, {Fate::kReplyLost});
  LeaseRecord held;
  held.database_id = kId;
  held.lock_id = "another";
  item_.before = [&](LeaseOp op) {
    if (op == LeaseOp::kRenew) item_.Put(held);
  };
  const auto lease = host_.NewLease();
  EXPECT_TRUE(Take(host_, *lease).status().Is(StatusCode::kBusy));
  EXPECT_FALSE(lease->active());
  EXPECT_EQ(item_.record(), held);
}

TEST_F(LeaseTest, Who_gave_up_takes_back_what_may_have_been_carried_out) {
  item_.Expect(LeaseOp::kAcquire, {Fate::kReplyLost});
  ASSERT_TRUE(Take(host_, *host_.NewLease(), seconds(0)).status().Is(StatusCode::kBusy));
  EXPECT_EQ(item_.record()->lock_id, "");
  const Previous previous = Take(other_, *other_.NewLease(), seconds(0));
  ASSERT_TRUE(previous.ok()) << "nobody is in the way";
  EXPECT_FALSE(previous->has_value());
}

TEST_F(LeaseTest, Who_gave_up_leaves_anothers_record_alone) {
  item_.Expect(LeaseOp::kAcquire, {Fate::kLost});
  const auto holder = other_.NewLease();
  item_.before = [&](LeaseOp op) {
    if (op == LeaseOp::kRelease) {
      EXPECT_TRUE(Take(other_, *holder).ok());
    }
  };
  ASSERT_TRUE(Take(host_, *host_.NewLease(), seconds(0)).status().Is(StatusCode::kBusy));
  EXPECT_EQ(count(LeaseOp::kRelease), 1U);
  EXPECT_EQ(item_.record()->lock_id, item_.lock_ids.back());
  item_.before = nullptr;
}

TEST_F(LeaseTest, A_request_that_is_carried_out_after_all_was_given_up_stops_its_own_process_no_longer) {
  Tenure(other_);
  item_.Expect(LeaseOp::kAcquire, {Fate::kLate});
  ASSERT_TRUE(Take(host_, *host_.NewLease(), seconds(0)).status().Is(StatusCode::kBusy));
  ASSERT_EQ(item_.Deliver(), 1U);
  ASSERT_NE(item_.record()->lock_id, "") << "held by nobody";
  const Instant begun = host_.clock.Now();
  const Previous previous = Take(host_, *host_.NewLease());
  ASSERT_TRUE(previous.ok()) << previous.status().message();
  EXPECT_FALSE(previous->has_value());
  EXPECT_LT(host_.clock.Now() - begun, milliseconds(50));
}

TEST_F(LeaseTest, A_doubled_request_joins_nothing_and_stops_its_own_process_no_longer) {
  item_.Expect(LeaseOp::kAcquire, {Fate::kDoubled});
  Tenure(host_);
  ASSERT_EQ(item_.Deliver(), 1U);
  ASSERT_NE(item_.record()->lock_id, "");
  const Instant begun = host_.clock.Now();
  const Previous previous = Take(host_, *host_.NewLease());
  ASSERT_TRUE(previous.ok()) << previous.status().message();
  EXPECT_FALSE(previous->has_value()) << "the promise was written over";
  EXPECT_LT(host_.clock.Now() - begun, milliseconds(50));
}

// --- taking over

TEST_F(LeaseTest, A_dead_holder_is_replaced_soon_after_its_expiry_and_nothing_is_joined) {
  ASSERT_NO_FATAL_FAILURE(Die(other_));
  const Instant expiry = host_.clock.Now() + kExpiration;
  const auto lease = host_.NewLease();
  const Previous previous = Take(host_, *lease, seconds(30));
  ASSERT_TRUE(previous.ok()) << previous.status().message();
  EXPECT_FALSE(previous->has_value());
  EXPECT_GE(host_.clock.Now(), expiry);
  EXPECT_LE(host_.clock.Now(), expiry + milliseconds(1500));
}

TEST_F(LeaseTest, A_lost_request_when_the_lease_has_expired_costs_little_of_the_timeout) {
  for (int round = 0; round < 20; round++) {
    ASSERT_NO_FATAL_FAILURE(Die(other_));
    const Instant expiry = other_.clock.Now() + kExpiration;
    bool lost = false;
    item_.before = [&](LeaseOp op) {
      if (op != LeaseOp::kAcquire || lost || host_.clock.Now() < expiry) return;
      lost = true;
      item_.Expect(LeaseOp::kAcquire, {Fate::kLost});
    };
    const auto lease = host_.NewLease();
    const Previous previous = Take(host_, *lease, seconds(60));
    item_.before = nullptr;
    ASSERT_TRUE(previous.ok()) << previous.status().message();
    ASSERT_TRUE(lost);
    ASSERT_LE(host_.clock.Now(), expiry + seconds(5));
    ASSERT_TRUE(lease->Release(clean_).ok());
    other_.clock.Move(host_.clock.Now() - other_.clock.Now());
  }
}

TEST_F(LeaseTest, An_expired_record_is_replaced_only_with_a_margin) {
  ASSERT_NO_FATAL_FAILURE(Die(other_));
  const auto lease = host_.NewLease();
  host_.clock.Move(kExpiration + kMargin);
  EXPECT_TRUE(Take(host_, *lease, seconds(0)).status().Is(StatusCode::kBusy));
  host_.clock.Move(milliseconds(1));
  EXPECT_TRUE(Take(host_, *lease, seconds(0)).ok());
}

TEST_F(LeaseTest, Whose_clock_is_slow_waits_for_one_lease_by_its_own_clock_over_many_calls) {
  ASSERT_NO_FATAL_FAILURE(Die(other_));
  host_.clock.JumpWallTime(-minutes(10));
  const Instant begun = host_.clock.Now();
  Previous previous = Status::Busy("");
  int calls = 0;
  while (!previous.ok() && calls++ < 20) {
    previous = Take(host_, *host_.NewLease(), milliseconds(700));  // a connection of its own each time
    if (!previous.ok()) {
      EXPECT_LT(host_.clock.Now() - begun, kExpiration + milliseconds(1));
    }
    host_.clock.Move(milliseconds(100));
  }
  ASSERT_TRUE(previous.ok()) << previous.status().message();
  EXPECT_FALSE(previous->has_value());
  EXPECT_GE(host_.clock.Now() - begun, kExpiration);
  EXPECT_LE(host_.clock.Now() - begun, kExpiration + seconds(1));
}

TEST_F(LeaseTest, A_longer_lease_of_the_holder_is_respected) {
  other_.options.expiration = seconds(60);
  ASSERT_NO_FATAL_FAILURE(Die(other_));
  host_.clock.JumpWallTime(-minutes(10));
  const auto lease = host_.NewLease();
  EXPECT_TRUE(Take(host_, *lease, seconds(50)).status().Is(StatusCode::kBusy));
  EXPECT_TRUE(Take(host_, *lease, seconds(50)).ok());
}

TEST_F(LeaseTest, A_record_without_times_is_replaced_after_a_lease_of_ones_own) {
  LeaseRecord foreign;
  foreign.database_id = kId;
  foreign.lock_id = "of another program";
  item_.Put(foreign);
  const Instant begun = host_.clock.Now();
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease, seconds(30)).ok());
  EXPECT_GE(host_.clock.Now() - begun, kExpiration);
  EXPECT_LE(host_.clock.Now() - begun, kExpiration + milliseconds(1500));
}

TEST_F(LeaseTest, A_holder_that_lives_is_not_replaced_whatever_a_slow_clock_says) {
  LiveTogether();
  const auto holder = other_.NewLease();
  ASSERT_TRUE(Take(other_, *holder).ok());
  host_.clock.JumpWallTime(-minutes(10));
  const auto lease = host_.NewLease();
  EXPECT_TRUE(Take(host_, *lease, minutes(5)).status().Is(StatusCode::kBusy));
  EXPECT_TRUE(holder->held());
  ASSERT_TRUE(holder->Release(clean_).ok());
  EXPECT_EQ(*Take(host_, *lease), clean_);
}

TEST_F(LeaseTest, A_fast_clock_costs_the_holder_its_lease_and_it_is_told) {
  const auto holder = other_.NewLease();
  ASSERT_TRUE(Take(other_, *holder).ok());
  host_.clock.JumpWallTime(minutes(10));
  const auto lease = host_.NewLease();
  const Previous previous = Take(host_, *lease);
  ASSERT_TRUE(previous.ok());
  EXPECT_FALSE(previous->has_value());
  Pass(kExpiration / 2);
  EXPECT_FALSE(holder->held());
  EXPECT_EQ(holder->metrics().Of(Count::kLeasesLost), 1U);
  EXPECT_EQ(lease->metrics().Of(Count::kLeaseTakeovers), 1U);
  EXPECT_TRUE(holder->Release(clean_).ok());
  EXPECT_TRUE(lease->held());
  EXPECT_EQ(item_.record()->lock_id, item_.lock_ids.back());
}

// --- heartbeat

TEST_F(LeaseTest, A_short_tenure_has_no_heartbeat) {
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  host_.clock.Advance(kExpiration / 3 - milliseconds(1));
  ASSERT_TRUE(lease->Release(clean_).ok());
  EXPECT_EQ(host_.clock.alarms_set(), 0U);
  host_.clock.Advance(minutes(1));
  EXPECT_EQ(count(LeaseOp::kRenew), 0U);
}

TEST_F(LeaseTest, The_lease_is_renewed_every_third_of_it) {
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  host_.clock.Advance(minutes(1) + milliseconds(1));
  EXPECT_EQ(count(LeaseOp::kRenew), 18U);
  EXPECT_EQ(lease->metrics().Of(Count::kHeartbeats), 18U);
  EXPECT_EQ(item_.record()->version, 18U);
  EXPECT_GT(item_.record()->expires_at_ms, host_.clock.WallTime_ms() + 6'000);
  EXPECT_TRUE(lease->held());
}

TEST_F(LeaseTest, A_refused_renewal_ends_the_lease) {
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  item_.Put(std::nullopt);  // somebody ended it by force
  host_.clock.Advance(kExpiration / 2);
  EXPECT_FALSE(lease->held());
  EXPECT_TRUE(lease->active()) << "it is to be given back";
  EXPECT_EQ(lease->Linger(), Duration::zero());
  host_.clock.Advance(minutes(1));
  EXPECT_EQ(count(LeaseOp::kRenew), 1U);
  EXPECT_TRUE(lease->Release(clean_).ok());
  EXPECT_EQ(count(LeaseOp::kRelease), 0U) << "there is nothing of ours";
  EXPECT_TRUE(Take(host_, *lease).ok());
}

TEST_F(LeaseTest, A_renewal_without_an_answer_is_repeated_soon) {
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  item_.Expect(LeaseOp::kRenew, {Fate::kLost, Fate::kReplyLost, Fate::kDenied});
  host_.clock.Advance(kExpiration - milliseconds(1));
  EXPECT_TRUE(lease->held());
  EXPECT_EQ(lease->metrics().Of(Count::kHeartbeats), 1U);
  EXPECT_EQ(item_.record()->version, 4U);
}

TEST_F(LeaseTest, A_lease_that_cannot_be_renewed_ends_by_its_holders_own_clock) {
  item_.ExpectAlways(LeaseOp::kRenew, Fate::kLost);
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  host_.clock.Advance(kExpiration - milliseconds(1));
  EXPECT_TRUE(lease->held());
  host_.clock.Advance(milliseconds(1));
  EXPECT_FALSE(lease->held());
  const size_t renewals = count(LeaseOp::kRenew);
  EXPECT_LE(renewals, 12U);
  host_.clock.Advance(minutes(1));
  EXPECT_LE(count(LeaseOp::kRenew), renewals + 1);
  EXPECT_EQ(host_.clock.alarms_set(), 0U);
  // Nobody took it meanwhile: the release still counts.
  ASSERT_TRUE(lease->Release(clean_).ok());
  EXPECT_EQ(*Take(other_, *other_.NewLease()), clean_);
}

TEST_F(LeaseTest, A_late_renewal_undoes_no_later_one) {
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  item_.Expect(LeaseOp::kRenew, {Fate::kLate});
  host_.clock.Advance(kExpiration / 3 * 2);
  const std::optional<LeaseRecord> renewed = item_.record();
  ASSERT_EQ(renewed->version, 2U);
  ASSERT_EQ(item_.Deliver(), 1U);
  EXPECT_EQ(item_.record(), renewed);
}

TEST_F(LeaseTest, A_late_renewal_revives_no_released_lease) {
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  item_.Expect(LeaseOp::kRenew, {Fate::kLate});
  host_.clock.Advance(kExpiration / 3);
  ASSERT_TRUE(lease->Release(clean_).ok());
  ASSERT_EQ(item_.Deliver(), 1U);
  EXPECT_EQ(item_.record()->lock_id, "");
  EXPECT_EQ(item_.record()->released, clean_);
}

TEST_F(LeaseTest, A_heartbeat_after_a_freeze_does_no_harm) {
  for (const bool own_clock_stood_still : {false, true}) {
    SCOPED_TRACE(own_clock_stood_still);
    const auto frozen = host_.NewLease();
    ASSERT_TRUE(Take(host_, *frozen).ok());
    if (own_clock_stood_still) {
      host_.clock.JumpWallTime(minutes(1));
    } else {
      host_.clock.Move(minutes(1));
    }
    other_.clock.Advance(minutes(1));
    const auto lease = other_.NewLease();
    ASSERT_TRUE(Take(other_, *lease).ok());
    const std::optional<LeaseRecord> others = item_.record();
    host_.clock.Advance(kExpiration / 2);
    EXPECT_FALSE(frozen->held());
    EXPECT_EQ(item_.record(), others);
    (void)frozen->Release(clean_);
    EXPECT_EQ(item_.record(), others);
    ASSERT_TRUE(lease->Release(std::nullopt).ok());
  }
}

TEST_F(LeaseTest, A_release_waits_for_a_renewal_that_is_under_way) {
  std::atomic<bool> renewing = false;
  item_.before = [&](LeaseOp op) {
    if (op != LeaseOp::kRenew) return;
    renewing = true;
    SystemClock().Sleep(milliseconds(100));  // for the release to come in between, if it can
  };
  host_.options.expiration = milliseconds(90);
  const auto lease = std::make_unique<Lease>(item_.NewStore(SystemClock()), SystemClock(), NewThreadAlarm(),
                                             host_.options, kId, "/data/db.sqlite3");
  while (!renewing) {
    if (!lease->held()) {  // at first, and when the heartbeat was too late on a slow machine
      (void)lease->Release(std::nullopt);
      ASSERT_TRUE(lease->Acquire(SystemClock().Now() + seconds(60)).ok());
    }
    SystemClock().Sleep(milliseconds(1));
  }
  ASSERT_TRUE(lease->Release(clean_).ok());
  EXPECT_FALSE(item_.overlapped);
  EXPECT_FALSE(lease->active());
  EXPECT_EQ(item_.record()->released, clean_);
}

TEST_F(LeaseTest, A_lease_may_end_at_any_moment_of_its_heartbeat) {
  host_.options.expiration = milliseconds(9);
  for (int i = 0; i < 50; i++) {
    const auto lease = std::make_unique<Lease>(item_.NewStore(SystemClock()), SystemClock(), NewThreadAlarm(),
                                               host_.options, kId, "/data/db.sqlite3");
    ASSERT_TRUE(lease->Acquire(SystemClock().Now() + seconds(60)).ok());
    SystemClock().Sleep(std::chrono::microseconds(100 * (i % 40)));
    if (i % 2 == 0) (void)lease->Release(clean_);
  }
  EXPECT_FALSE(item_.overlapped);
}

// --- releases of unknown outcome

TEST_F(LeaseTest, A_release_is_repeated_but_not_for_long) {
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  item_.Expect(LeaseOp::kRelease, {Fate::kLost, Fate::kReplyLost});
  EXPECT_TRUE(lease->Release(clean_).ok());
  EXPECT_EQ(item_.record()->released, clean_);
  EXPECT_EQ(count(LeaseOp::kRelease), 3U);

  ASSERT_TRUE(Take(host_, *lease).ok());
  item_.ExpectAlways(LeaseOp::kRelease, Fate::kLost);
  const Instant begun = host_.clock.Now();
  EXPECT_TRUE(lease->Release(clean_).Is(StatusCode::kUnavailable));
  EXPECT_LE(host_.clock.Now() - begun, seconds(2));
  EXPECT_FALSE(lease->active()) << "the tenure is over whatever came back";
}

TEST_F(LeaseTest, After_a_release_of_unknown_outcome_the_same_process_goes_on_at_once) {
  for (const Fate fate : {Fate::kLost, Fate::kReplyLost, Fate::kLate}) {
    SCOPED_TRACE(static_cast<int>(fate));
    {
      const auto lease = host_.NewLease();
      ASSERT_TRUE(Take(host_, *lease).ok());
      item_.ExpectAlways(LeaseOp::kRelease, fate);
      EXPECT_TRUE(lease->Release(clean_).Is(StatusCode::kUnavailable));
      item_.ExpectAlways(LeaseOp::kRelease, Fate::kServed);
    }
    const Instant begun = host_.clock.Now();
    const auto lease = host_.NewLease();
    const Previous previous = Take(host_, *lease);
    ASSERT_TRUE(previous.ok()) << previous.status().message();
    EXPECT_EQ(previous->has_value(), fate == Fate::kReplyLost);
    EXPECT_LT(host_.clock.Now() - begun, milliseconds(50));
    const std::optional<LeaseRecord> record = item_.record();
    item_.Deliver();
    EXPECT_EQ(item_.record(), record) << "a late release ends no other tenure";
    ASSERT_TRUE(lease->Release(std::nullopt).ok());
  }
}

TEST_F(LeaseTest, Another_connection_of_the_process_that_holds_the_lease_is_not_taken_for_a_dead_one) {
  const auto holder = host_.NewLease();
  ASSERT_TRUE(Take(host_, *holder).ok());
  EXPECT_TRUE(Take(host_, *host_.NewLease(), seconds(1)).status().Is(StatusCode::kBusy));
}

TEST_F(LeaseTest, The_end_of_the_object_releases_without_a_promise) {
  Tenure(host_);
  { ASSERT_TRUE(Take(host_, *host_.NewLease())->has_value()); }
  EXPECT_EQ(item_.record()->lock_id, "");
  EXPECT_FALSE(item_.record()->released.has_value());
}

// --- linger

TEST_F(LeaseTest, An_idle_lease_is_kept_for_a_moment_but_not_for_ever) {
  const auto lease = host_.NewLease();
  EXPECT_EQ(lease->Linger(), Duration::zero()) << "there is none";
  ASSERT_TRUE(Take(host_, *lease).ok());
  EXPECT_EQ(lease->Linger(), milliseconds(50));
  host_.clock.Move(milliseconds(280));
  EXPECT_EQ(lease->Linger(), milliseconds(20));
  host_.clock.Move(milliseconds(20));
  EXPECT_EQ(lease->Linger(), Duration::zero()) << "others have their turn";
}

TEST_F(LeaseTest, It_is_kept_for_less_long_where_others_wait) {
  item_.others_wait = true;
  const auto lease = host_.NewLease();
  ASSERT_TRUE(Take(host_, *lease).ok());
  host_.clock.Move(milliseconds(40));
  EXPECT_EQ(lease->Linger(), milliseconds(40));
  host_.clock.Move(milliseconds(40));
  EXPECT_EQ(lease->Linger(), Duration::zero());
}

TEST_F(LeaseTest, How_long_it_is_kept_may_be_said) {
  for (const Duration linger : {Duration::zero(), Duration(milliseconds(5)), Duration(seconds(8))}) {
    host_.options.linger = linger;
    const auto lease = host_.NewLease();
    ASSERT_TRUE(Take(host_, *lease).ok());
    EXPECT_EQ(lease->Linger(), linger);
  }
}

}  // namespace
}  // namespace sqlite_efs
