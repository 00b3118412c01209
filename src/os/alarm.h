#ifndef SQLITE_EFS_OS_ALARM_H_
#define SQLITE_EFS_OS_ALARM_H_

#include <functional>
#include <memory>

#include "os/clock.h"

namespace sqlite_efs {

// Calls a function once, later, on a thread of its own. Thread-safe.
class Alarm {
 public:
  virtual ~Alarm() = default;

  // Replaces what was set before. `action` may be called up to any time after `delay`.
  virtual void Set(Duration delay, std::function<void()> action) = 0;

  // After it returns, what was set before will not be started; it may still be running.
  virtual void Cancel() = 0;
};

// An alarm whose thread starts at the first Set() and ends with the object, which waits for a running action.
std::unique_ptr<Alarm> NewThreadAlarm();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_ALARM_H_
