#include "base/events.h"

#include <pthread.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <utility>

namespace sqlite_efs {
namespace {

constinit std::atomic<bool> has_log = false;
constinit std::atomic<bool> keeps_notable = false;
constinit std::atomic<size_t> waiting = 0;  // in the queue: who looks into it often need not take the lock

class Events {
 public:
  static Events& Instance() {
    static auto* instance = new Events;  // never destroyed: threads of the engine may outlive static destruction
    return *instance;
  }

  void Add(const Event& event) {
    const std::lock_guard lock(mutex_);
    if (log_) log_(event);
    if (!keeps_notable || event.kind == EventKind::kRoutine) return;
    queue_.push_back(event);
    if (queue_.size() > kKeptEvents) {
      queue_.pop_front();
      dropped_++;
    }
    waiting = queue_.size();
  }

  void SetLog(std::function<void(const Event&)> log) {
    const std::lock_guard lock(mutex_);
    log_ = std::move(log);
    has_log = log_ != nullptr;
  }

  std::optional<Event> Take(uint64_t* dropped) {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return std::nullopt;
    Event event = std::move(queue_.front());
    queue_.pop_front();
    waiting = queue_.size();
    *dropped = std::exchange(dropped_, 0);
    return event;
  }

 private:
  Events() { pthread_atfork(&Prepare, &Parent, &Child); }

  static void Prepare() { Instance().mutex_.lock(); }
  static void Parent() { Instance().mutex_.unlock(); }
  static void Child() {
    Instance().queue_.clear();
    Instance().dropped_ = 0;
    waiting = 0;
    Instance().mutex_.unlock();
  }

  std::mutex mutex_;
  std::function<void(const Event&)> log_;
  std::deque<Event> queue_;
  uint64_t dropped_ = 0;
};

}  // namespace

bool EventsAreWanted(EventKind kind) {
  if (has_log.load(std::memory_order_relaxed)) return true;
  return kind == EventKind::kNotable && keeps_notable.load(std::memory_order_relaxed);
}

void AddEvent(const Event& event) { Events::Instance().Add(event); }
void SetEventLog(std::function<void(const Event&)> log) { Events::Instance().SetLog(std::move(log)); }
void KeepEvents() { keeps_notable = true; }

std::optional<Event> TakeEvent(uint64_t* dropped) {
  *dropped = 0;
  if (waiting.load(std::memory_order_relaxed) == 0) return std::nullopt;
  return Events::Instance().Take(dropped);
}

}  // namespace sqlite_efs
