#ifndef SQLITE_EFS_TESTING_MANUAL_CLOCK_H_
#define SQLITE_EFS_TESTING_MANUAL_CLOCK_H_

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "os/alarm.h"
#include "os/clock.h"

namespace sqlite_efs::testing {

// Time that passes only when a test, or a sleeper, says so. For one thread; alarms go off on it, in Advance().
class ManualClock final : public Clock {
 public:
  Instant Now() override { return now_; }
  int64_t WallTime_ms() override { return wall_ms_ + now_.nanoseconds / 1'000'000; }
  void Sleep(Duration duration) override {
    Move(duration);
    if (on_sleep) on_sleep();
  }
  bool Wait(std::condition_variable&, std::unique_lock<std::mutex>& lock, Duration timeout,
            const std::function<bool()>& ready) override {
    if (ready()) return true;
    lock.unlock();
    Sleep(timeout);
    lock.lock();
    return ready();
  }

  // Time passes while the process stands still: what was due goes off in the next Advance(), late.
  void Move(Duration duration) { now_ = now_ + std::max(duration, Duration::zero()); }
  void JumpWallTime(Duration by) { wall_ms_ += by / std::chrono::milliseconds(1); }

  // Lets time pass, and the alarms go off when they are due.
  void Advance(Duration duration) {
    const Instant end = now_ + duration;
    while (ManualAlarm* const first = FirstDue(end)) {
      now_ = std::max(now_, *std::exchange(first->due, std::nullopt));
      std::exchange(first->action, nullptr)();
    }
    now_ = end;
  }

  std::unique_ptr<Alarm> NewAlarm() { return std::make_unique<ManualAlarm>(*this); }
  size_t alarms_set() const {
    size_t count = 0;
    for (const ManualAlarm* alarm : alarms_) count += alarm->due ? 1 : 0;
    return count;
  }

  std::function<void()> on_sleep;  // what others do while the test's subject sleeps

 private:
  struct ManualAlarm final : Alarm {
    explicit ManualAlarm(ManualClock& its_clock) : clock(its_clock) { clock.alarms_.push_back(this); }
    ~ManualAlarm() override { std::erase(clock.alarms_, this); }
    void Set(Duration delay, std::function<void()> what) override {
      due = clock.Now() + delay;
      action = std::move(what);
    }
    void Cancel() override { due.reset(); }

    ManualClock& clock;
    std::optional<Instant> due;
    std::function<void()> action;
  };

  ManualAlarm* FirstDue(Instant end) const {
    ManualAlarm* first = nullptr;
    for (ManualAlarm* alarm : alarms_) {
      if (alarm->due && *alarm->due <= end && (first == nullptr || *alarm->due < *first->due)) first = alarm;
    }
    return first;
  }

  Instant now_ = {1'000'000'000};
  int64_t wall_ms_ = 1'700'000'000'000;
  std::vector<ManualAlarm*> alarms_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_MANUAL_CLOCK_H_
