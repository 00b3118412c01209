#include "os/clock.h"

#include <thread>

namespace sqlite_efs {
namespace {

class PosixClock final : public Clock {
 public:
  Instant Now() override { return {std::chrono::steady_clock::now().time_since_epoch() / Duration(1)}; }

  int64_t WallTime_ms() override {
    return std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1);
  }

  void Sleep(Duration duration) override {
    if (duration > Duration::zero()) std::this_thread::sleep_for(duration);
  }

  bool Wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Duration timeout,
            const std::function<bool()>& ready) override {
    return changed.wait_for(lock, timeout, ready);
  }
};

}  // namespace

Clock& SystemClock() {
  static PosixClock clock;
  return clock;
}

}  // namespace sqlite_efs
