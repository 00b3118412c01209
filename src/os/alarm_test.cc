#include "os/alarm.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;

// Counts calls, and lets a test wait for one.
class Calls {
 public:
  void Add() {
    const std::lock_guard lock(mutex_);
    count_++;
    changed_.notify_all();
  }
  bool WaitFor(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(4), [&] { return count_ >= count; });
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

TEST(AlarmTest, Goes_off_once_and_not_early) {
  Calls calls;
  const auto alarm = NewThreadAlarm();
  const auto begun = std::chrono::steady_clock::now();
  alarm->Set(milliseconds(20), [&] { calls.Add(); });
  ASSERT_TRUE(calls.WaitFor(1));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(20));
  SystemClock().Sleep(milliseconds(50));
  EXPECT_EQ(calls.count(), 1);
}

TEST(AlarmTest, Set_again_replaces) {
  Calls first;
  Calls second;
  const auto alarm = NewThreadAlarm();
  alarm->Set(std::chrono::hours(1), [&] { first.Add(); });
  alarm->Set(milliseconds(1), [&] { second.Add(); });
  EXPECT_TRUE(second.WaitFor(1));
  EXPECT_EQ(first.count(), 0);
}

TEST(AlarmTest, Cancelled_does_not_go_off) {
  // This thread may be held up between the two calls: then it says nothing, and a longer time is tried.
  constexpr Duration kLongest = std::chrono::minutes(1);
  bool in_time = false;
  for (Duration time = milliseconds(50); !in_time && time < kLongest; time *= 4) {
    Calls calls;
    const auto alarm = NewThreadAlarm();
    const Instant begun = SystemClock().Now();
    alarm->Set(time, [&] { calls.Add(); });
    alarm->Cancel();
    in_time = SystemClock().Now() - begun < time;
    if (!in_time) continue;
    SystemClock().Sleep(2 * time);
    EXPECT_EQ(calls.count(), 0);
  }
  EXPECT_TRUE(in_time);
}

TEST(AlarmTest, Ends_at_once_with_its_object) {
  Calls calls;
  {  // would otherwise take an hour
    const auto alarm = NewThreadAlarm();
    alarm->Set(std::chrono::hours(1), [&] { calls.Add(); });
  }
  EXPECT_EQ(calls.count(), 0);
}

TEST(AlarmTest, An_action_may_set_the_alarm_anew) {
  Calls calls;
  const auto alarm = NewThreadAlarm();
  alarm->Set(milliseconds(1), [&] {
    calls.Add();
    alarm->Set(milliseconds(1), [&] { calls.Add(); });
  });
  EXPECT_TRUE(calls.WaitFor(2));
}

TEST(ClockTest, Sleeps_at_least_as_long_as_asked) {
  const Instant begun = SystemClock().Now();
  SystemClock().Sleep(milliseconds(5));
  EXPECT_GE(SystemClock().Now() - begun, milliseconds(5));
  SystemClock().Sleep(milliseconds(-5));
  EXPECT_GT(SystemClock().WallTime_ms(), 1'600'000'000'000);
}

}  // namespace
}  // namespace sqlite_efs
