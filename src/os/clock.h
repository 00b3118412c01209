#ifndef SQLITE_EFS_OS_CLOCK_H_
#define SQLITE_EFS_OS_CLOCK_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace sqlite_efs {

using Duration = std::chrono::nanoseconds;

// A point of a host's monotonic clock, in nanoseconds since an arbitrary start. Points of two hosts cannot be compared.
struct Instant {
  int64_t nanoseconds = 0;
  auto operator<=>(const Instant&) const = default;
  Instant operator+(Duration d) const { return {nanoseconds + d.count()}; }
  Duration operator-(Instant other) const { return Duration(nanoseconds - other.nanoseconds); }
};

// Time as one host sees it. Safety never rests on it: it decides how long to wait, and who may try. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // CLOCK_MONOTONIC; it may stand still while the host is frozen.
  virtual Instant Now() = 0;

  // Milliseconds since 1970-01-01 UTC; it may jump both ways and be wrong.
  virtual int64_t WallTime_ms() = 0;

  // Returns after at least `duration`; at once if it is not positive.
  virtual void Sleep(Duration duration) = 0;

  // std::condition_variable::wait_for(): returns whether `ready` says true, after `timeout` at the latest.
  virtual bool Wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Duration timeout,
                    const std::function<bool()>& ready) = 0;
};

// The clock of this machine.
Clock& SystemClock();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_CLOCK_H_
