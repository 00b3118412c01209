#include "sim/scheduler.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "vfs/connection.h"
#include "vfs/errors.h"

namespace sqlite_efs::sim {
namespace {

constexpr uint64_t kLongestRun = 64;  // steps of one thread

}  // namespace

Scheduler& Scheduler::Get() {
  static auto* scheduler = new Scheduler;
  return *scheduler;
}

void Scheduler::Reset() {
  assert(alive_ == 0 && current_ == nullptr);
  now_ = 0;
  order_ = steps_ = 0;
  events_.clear();
  actions_.clear();
  free_actions_.clear();
}

void Scheduler::Push(Time at, Thread* thread, uint32_t wake) {
  events_.push_back({std::max(at, now_), order_++, thread, wake});
  std::push_heap(events_.begin(), events_.end());
}

void Scheduler::Spawn(Actor* actor, Time at, std::function<void()> body) {
  const auto idle = std::find_if(threads_.begin(), threads_.end(), [](const auto& t) { return t->actor == nullptr; });
  const auto number = static_cast<size_t>(idle - threads_.begin());
  if (number == threads_.size()) threads_.push_back(std::make_unique<Thread>());
  Thread* const thread = threads_[number].get();
  thread->id = static_cast<uint32_t>(number + 1);
  thread->actor = actor;
  thread->sleeps = 0;
  thread->last_error.clear();
  thread->blocked_on = nullptr;
  thread->fiber.Start(std::move(body));
  actor->threads++;
  alive_++;
  Push(at, thread, ++thread->wake);
}

void Scheduler::At(Time at, std::function<void()> action) {
  if (free_actions_.empty()) {
    free_actions_.push_back(static_cast<uint32_t>(actions_.size()));
    actions_.emplace_back();
  }
  const uint32_t number = free_actions_.back();
  free_actions_.pop_back();
  actions_[number] = std::move(action);
  Push(at, nullptr, number);
}

void Scheduler::WaitUntil(Time at) {
  Push(at, current_, ++current_->wake);
  current_->fiber.Suspend();
}

void Scheduler::Sleep(Time duration) {
  assert(current_ != nullptr);
  if (current_->actor->dead) return;
  const Time at = now_ + duration;
  // Nobody else comes before: no need to switch, but for Run() to count now and then.
  if (current_->actor->stopped == 0 && (events_.empty() || events_.front().at > at) && ++steps_ % kLongestRun != 0) {
    now_ = at;
    return;
  }
  WaitUntil(at);
}

bool Scheduler::Block(const void* key, Time deadline) {
  assert(current_ != nullptr);
  if (deadline <= now_) return false;
  current_->blocked_on = key;
  current_->timed_out = true;
  ++current_->wake;
  if (deadline != kForever) Push(deadline, current_, current_->wake);
  current_->fiber.Suspend();
  current_->blocked_on = nullptr;
  return !current_->timed_out;
}

void Scheduler::Wake(const void* key) {
  for (const std::unique_ptr<Thread>& thread : threads_) {
    if (thread->actor == nullptr || thread->blocked_on != key) continue;
    thread->blocked_on = nullptr;
    thread->timed_out = false;
    Push(now_, thread.get(), ++thread->wake);
  }
}

void Scheduler::Continue(Actor* actor) {
  if (--actor->stopped > 0) return;
  for (Thread* const thread : actor->parked) Push(now_, thread, ++thread->wake);
  actor->parked.clear();
}

void Scheduler::Kill(Actor* actor) {
  actor->dead = true;
  actor->stopped = 0;
  actor->parked.clear();
  for (const std::unique_ptr<Thread>& thread : threads_) {
    if (thread->actor == actor && thread.get() != current_) Push(now_, thread.get(), ++thread->wake);
  }
}

void Scheduler::RunThread(Thread* thread) {
  current_ = thread;
  std::swap(thread->sleeps, SleepsOfThisThread());
  thread->last_error.swap(LastError());
  thread->fiber.Resume();
  std::swap(thread->sleeps, SleepsOfThisThread());
  thread->last_error.swap(LastError());
  current_ = nullptr;
  if (!thread->fiber.ended()) return;
  thread->actor->threads--;
  thread->actor = nullptr;
  alive_--;
}

bool Scheduler::Run(uint64_t max_steps) {
  for (uint64_t i = 0; !events_.empty(); i++) {
    if (i == max_steps) return false;
    steps_++;
    const Event event = events_.front();
    std::pop_heap(events_.begin(), events_.end());
    events_.pop_back();
    if (event.thread == nullptr) {
      now_ = event.at;
      const std::function<void()> action = std::exchange(actions_[event.wake], nullptr);
      free_actions_.push_back(event.wake);
      action();
    } else if (event.thread->actor != nullptr && event.thread->wake == event.wake) {
      now_ = event.at;
      if (event.thread->actor->stopped > 0) {
        event.thread->actor->parked.push_back(event.thread);
      } else {
        RunThread(event.thread);
      }
    }
  }
  return alive_ == 0;
}

}  // namespace sqlite_efs::sim
