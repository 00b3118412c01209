#include "lease/pace.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr PaceLimits kLimits = {milliseconds(10), milliseconds(200), milliseconds(20), milliseconds(100), 10};

// Random numbers decide the waits: each test looks at many.
constexpr int kRounds = 200;

TEST(PaceTest, Attempts_at_one_state_are_counted_and_last_until_the_deadline) {
  for (int i = 0; i < kRounds; i++) {
    Instant now;
    Pace pace(kLimits, now + seconds(5));
    int attempts = 1;
    while (const std::optional<Duration> wait = pace.Next(now, {})) {
      now = now + *wait;
      attempts++;
    }
    ASSERT_EQ(attempts, 10);
    ASSERT_EQ(now, Instant() + seconds(5));
  }
}

TEST(PaceTest, The_deadline_ends_it_even_if_attempts_are_left) {
  for (int i = 0; i < kRounds; i++) {
    Instant now;
    PaceLimits limits = kLimits;
    limits.max_attempts = 1'000'000;
    Pace pace(limits, now + seconds(5));
    while (const std::optional<Duration> wait = pace.Next(now, {})) {
      ASSERT_LE(*wait, limits.longest_wait);
      now = now + *wait;
    }
    ASSERT_EQ(now, Instant() + seconds(5));
  }
}

TEST(PaceTest, One_attempt_is_one) {
  PaceLimits limits = kLimits;
  limits.max_attempts = 1;
  EXPECT_FALSE(Pace(limits, Instant() + seconds(5)).Next({}, {}).has_value());
  EXPECT_FALSE(Pace(limits, Instant() + seconds(5)).Next({}, {.turn_in = milliseconds(25)}).has_value());
}

TEST(PaceTest, Waits_begin_short_and_grow) {
  Duration first = Duration::zero();
  Duration sixth = Duration::zero();
  for (int i = 0; i < kRounds; i++) {
    Pace pace(kLimits, Instant() + seconds(60));
    const Duration wait = *pace.Next({}, {});
    ASSERT_LE(wait, milliseconds(10));
    first += wait;
    for (int k = 2; k < 6; k++) (void)pace.Next({}, {});
    sixth += *pace.Next({}, {});
  }
  EXPECT_GT(first, Duration::zero());
  EXPECT_GT(sixth, 4 * first);
}

TEST(PaceTest, A_change_begins_anew) {
  Instant now;
  Pace pace(kLimits, now + seconds(60));
  for (int i = 0; i < kRounds; i++) {
    pace.Restart();
    const std::optional<Duration> wait = pace.Next(now, {});
    ASSERT_TRUE(wait.has_value()) << "after " << i << " attempts";
    ASSERT_LE(*wait, milliseconds(10));
  }
}

TEST(PaceTest, Who_is_next_asks_often_and_is_not_counted) {
  Pace pace(kLimits, Instant() + seconds(60));
  for (int i = 0; i < kRounds; i++) {
    const std::optional<Duration> wait = pace.Next({}, {.next_in_turn = true});
    ASSERT_TRUE(wait.has_value());
    ASSERT_LE(*wait, milliseconds(20));
  }
}

TEST(PaceTest, Who_is_next_asks_less_often_when_it_has_waited_for_long) {
  Instant now;
  Pace pace(kLimits, now + seconds(600));
  int attempts = 0;
  for (; now < Instant() + seconds(10); attempts++) {
    const Duration wait = *pace.Next(now, {.next_in_turn = true});
    ASSERT_LE(wait, std::max<Duration>(milliseconds(20), (now - Instant()) / 10));
    ASSERT_LE(wait, milliseconds(100));
    now = now + wait;
  }
  EXPECT_LT(attempts, 400);
  pace.Restart();
  for (int i = 0; i < kRounds; i++) ASSERT_LE(*pace.Next(now, {.next_in_turn = true}), milliseconds(20));
}

TEST(PaceTest, Wakes_when_the_holder_may_be_replaced) {
  for (int i = 0; i < kRounds; i++) {
    Pace pace(kLimits, Instant() + seconds(60));
    for (int k = 0; k < 8; k++) ASSERT_LE(*pace.Next({}, {.until_takeover = milliseconds(3)}), milliseconds(3));
    EXPECT_EQ(*pace.Next({}, {.until_takeover = milliseconds(3)}), milliseconds(3)) << "the last one";
  }
}

TEST(PaceTest, Does_not_ask_before_the_turn_can_come) {
  Pace pace(kLimits, Instant() + seconds(60));
  for (int i = 0; i < 5; i++) ASSERT_GE(*pace.Next({}, {.turn_in = milliseconds(100)}), milliseconds(100));
  EXPECT_EQ(*pace.Next({}, {.turn_in = milliseconds(100), .until_takeover = milliseconds(3)}), milliseconds(3));
  EXPECT_EQ(*Pace(kLimits, Instant() + milliseconds(50)).Next({}, {.turn_in = milliseconds(100)}), milliseconds(50));
}

TEST(PaceTest, Who_has_others_before_it_is_awake_when_its_turn_comes_and_is_not_counted) {
  Instant now;
  Pace pace(kLimits, now + seconds(60));
  for (int i = 0; i < kRounds; i++) {
    const std::optional<Duration> wait = pace.Next(now, {.turn_in = milliseconds(25)});
    ASSERT_TRUE(wait.has_value());
    ASSERT_LE(*wait, std::max<Duration>(milliseconds(50), (now - Instant()) / 10));
    now = now + milliseconds(20);
  }
}

TEST(PaceTest, Never_spins) {
  Pace pace(kLimits, Instant() + seconds(60));
  for (int k = 0; k < 8; k++) (void)pace.Next({}, {});
  EXPECT_GT(*pace.Next({}, {.until_takeover = milliseconds(-5)}), Duration::zero());
}

TEST(PaceTest, Without_a_count_only_the_deadline_ends_it) {
  Instant now;
  PaceLimits limits = kLimits;
  limits.max_attempts = 0;
  Pace pace(limits, now + seconds(60));
  for (int i = 0; i < kRounds; i++) ASSERT_TRUE(pace.Next(now, {}).has_value());
  EXPECT_FALSE(pace.Next(now + seconds(60), {}).has_value());
}

}  // namespace
}  // namespace sqlite_efs
