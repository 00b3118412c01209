#include "os/alarm.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace sqlite_efs {
namespace {

using Time = std::chrono::steady_clock::time_point;

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
    // What is set for later than that finds the thread awake in time, and costs no switch to it.
    if (*due_ < wakes_) changed_.notify_all();
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
        wakes_ = Time::max();
        changed_.wait(lock);
      } else if (std::chrono::steady_clock::now() < *due_) {
        wakes_ = *due_;
        changed_.wait_until(lock, Time(wakes_));
      } else {
        wakes_ = Time::max();
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
  std::optional<Time> due_;
  Time wakes_ = Time::max();  // when the thread looks at due_ by itself
  std::function<void()> action_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Alarm> NewThreadAlarm() { return std::make_unique<ThreadAlarm>(); }

}  // namespace sqlite_efs
