#include "sim/clocks.h"

#include <utility>

namespace sqlite_efs::sim {
namespace {

constexpr Time kFlight = 3600 * kSecond;  // how far the clock of a dead process jumps each time that it is asked

Scheduler& scheduler() { return Scheduler::Get(); }

class SimAlarm final : public Alarm {
 public:
  explicit SimAlarm(Process& process) : process_(process), state_(std::make_shared<State>()) {}
  ~SimAlarm() override {
    Cancel();
    while (state_->running) scheduler().Block(state_.get(), kForever);
  }

  void Set(Duration delay, std::function<void()> action) override {
    if (process_.dead()) return;
    const uint64_t set = ++state_->set;
    const Time at = scheduler().now() + process_.host->ToWorld(delay.count());
    // A thread: what it runs waits for locks and files. It lives on if the alarm is gone before it begins.
    scheduler().Spawn(&process_.actor, at, [state = state_, set, action = std::move(action)] {
      if (state->set != set) return;
      state->running = true;
      action();
      state->running = false;
      scheduler().Wake(state.get());
    });
  }

  void Cancel() override { ++state_->set; }

 private:
  struct State {
    uint64_t set = 0;
    bool running = false;
  };

  Process& process_;
  std::shared_ptr<State> state_;
};

}  // namespace

Instant SimClock::Now() {
  if (process().dead()) process().dead_clock += kFlight;
  return {process().host->Monotonic() + process().dead_clock};
}

int64_t SimClock::WallTime_ms() { return process().host->Wall_ms(); }

void SimClock::Sleep(Duration duration) {
  if (duration <= Duration::zero() || process().dead()) return;
  (void)process().world->Entering(process(), Op::kSleep);
  const Time end = process().host->Monotonic() + duration.count();
  while (!process().dead() && process().host->Monotonic() < end) {
    scheduler().Sleep(process().host->ToWorld(end - process().host->Monotonic()));
  }
}

bool SimClock::Wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Duration timeout,
                    const std::function<bool()>& ready) {
  const Time end = process().host->Monotonic() + timeout.count();
  while (!ready()) {
    const Time left = end - process().host->Monotonic();
    if (left <= 0 || process().dead()) return false;
    lock.unlock();
    (void)scheduler().Block(changed.native_handle(), scheduler().now() + process().host->ToWorld(left));
    lock.lock();
  }
  return true;
}

std::unique_ptr<Alarm> NewSimAlarm(Process& process) { return std::make_unique<SimAlarm>(process); }

}  // namespace sqlite_efs::sim
