#ifndef SQLITE_EFS_SIM_SCHEDULER_H_
#define SQLITE_EFS_SIM_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/clock.h"
#include "sim/fiber.h"

namespace sqlite_efs::sim {

// Simulated time, in nanoseconds since the beginning of the history.
using Time = int64_t;
inline constexpr Time kForever = INT64_MAX;
inline constexpr Time kMicrosecond = 1'000;
inline constexpr Time kMillisecond = 1'000'000;
inline constexpr Time kSecond = 1'000'000'000;

struct Process;
struct Thread;

// What stops, goes on and dies as one: a simulated operating system process.
struct Actor {
  Process* process = nullptr;
  bool dead = false;
  int stopped = 0;  // how many reasons there are for it to stand still
  int threads = 0;  // that have not ended
  std::vector<Thread*> parked;
};

// A simulated thread.
struct Thread {
  Fiber fiber;
  Actor* actor = nullptr;
  uint32_t id = 0;
  uint32_t wake = 0;  // names its present wait; a wake-up for another one is void
  const void* blocked_on = nullptr;
  bool timed_out = false;
  uint64_t calls = 0;   // of the file system; a write and its sync are one
  uint64_t sleeps = 0;  // the thread-local variables of the product
  std::string last_error;
};

// Runs threads and timed actions in the order of their times, one at a time. Same calls, same order: among equal times
// the one that was scheduled first comes first.
class Scheduler {
 public:
  static Scheduler& Get();

  // Begins a new history: time 0 and no threads. All earlier ones must have ended.
  void Reset();

  Time now() const { return now_; }
  Thread* current() const { return current_; }  // null outside of every thread

  // A new thread of `actor`, which must outlive it.
  void Spawn(Actor* actor, Time at, std::function<void()> body);
  // Runs `action` at that time, outside of every thread; it must not wait.
  void At(Time at, std::function<void()> action);

  // --- for the current thread
  void Sleep(Time duration);
  // Waits for Wake(key), at most until `deadline`; false if that has passed.
  bool Block(const void* key, Time deadline);

  void Wake(const void* key);
  void Stop(Actor* actor) { actor->stopped++; }
  void Continue(Actor* actor);
  // Its threads must end soon: whatever they wait for is over.
  void Kill(Actor* actor);

  // Until nothing is left to happen; false if threads are left that wait for ever, or after `max_steps`.
  bool Run(uint64_t max_steps);
  uint64_t steps() const { return steps_; }
  size_t alive() const { return alive_; }

 private:
  struct Event {
    Time at;
    uint64_t order;
    Thread* thread;  // or
    uint32_t wake;   // the action's number
    bool operator<(const Event& other) const { return at != other.at ? at > other.at : order > other.order; }
  };

  void Push(Time at, Thread* thread, uint32_t wake);
  void RunThread(Thread* thread);
  void WaitUntil(Time at);

  Time now_ = 0;
  uint64_t order_ = 0;
  uint64_t steps_ = 0;
  size_t alive_ = 0;
  Thread* current_ = nullptr;
  std::vector<Event> events_;  // a heap
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<std::function<void()>> actions_;
  std::vector<uint32_t> free_actions_;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_SCHEDULER_H_
