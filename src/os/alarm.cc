#include "os/alarm.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace sqlite_efs {
namespace {

class ThreadAlarm final : public Alarm {
 public:
  ~ThreadAlarm() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void Set(Duration delay, std::function<void()> action) override {
    const std::lock_guard lock(mutex_);
    due_ = std::chrono::steady_clock::now() + delay;
    action_ = std::move(action);
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    changed_.notify_all();
  }

  void Cancel() override {
    const std::lock_guard lock(mutex_);
    due_.reset();
    action_ = nullptr;
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      if (!due_) {
        changed_.wait(lock);
      } else if (std::chrono::steady_clock::now() < *due_) {
        changed_.wait_until(lock, std::chrono::steady_clock::time_point(*due_));
      } else {
        due_.reset();
        const std::function<void()> action = std::exchange(action_, nullptr);
        lock.unlock();
        action();
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::chrono::steady_clock::time_point> due_;
  std::function<void()> action_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Alarm> NewThreadAlarm() { return std::make_unique<ThreadAlarm>(); }

}  // namespace sqlite_efs
