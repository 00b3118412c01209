#ifndef SQLITE_EFS_SIM_CLOCKS_H_
#define SQLITE_EFS_SIM_CLOCKS_H_

#include <memory>

#include "os/alarm.h"
#include "os/clock.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

// The clock of the machine that a process runs on. For a process that was killed time flies, so that it ends.
class SimClock final : public Clock {
 public:
  explicit SimClock(Process* const* process) : process_(process) {}

  Instant Now() override;
  int64_t WallTime_ms() override;
  void Sleep(Duration duration) override;
  bool Wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Duration timeout,
            const std::function<bool()>& ready) override;

 private:
  Process& process() { return **process_; }

  Process* const* process_;
};

// An alarm whose action runs on a simulated thread.
std::unique_ptr<Alarm> NewSimAlarm(Process& process);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_CLOCKS_H_
