#ifndef SQLITE_EFS_TESTS_FAULTS_FAULT_PLAN_H_
#define SQLITE_EFS_TESTS_FAULTS_FAULT_PLAN_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sqlite_efs::faults {

inline constexpr size_t kMaxPath_bytes = 512;

enum class FaultKind : uint32_t {
  kNone,
  kIoError,      // EIO, nothing done
  kNoSpace,      // ENOSPC, nothing done
  kStale,        // ESTALE, nothing done
  kInterrupted,  // EINTR, nothing done
  kShort,        // half of a read or a write is done, and the call says so
  kTorn,         // half of a write is done, then EIO
  kReplyLost,    // the call is done, then EIO
  kDropped,      // a sync fails, and what was written since the last one is gone
  kKilled,       // the process dies before the call
  kKilledInIt,   // the process dies when half of a write is done, or the whole of another call
  kStopped,      // the process is stopped before the call, and goes on when its parent says so
  kStoppedInIt,  // the same, when half of a write is done
  kFrozen,       // the same as kStopped; the file server has taken its locks away meanwhile
  kLying,        // a write is not done, and the call says that it is: nothing can be safe then
};

// Which call of a process is to go wrong, and how. Lies in memory that is shared by all processes of a test.
struct FaultPlan {
  char folder[kMaxPath_bytes];  // only calls on files in it count
  FaultKind kind;
  uint32_t at;      // the first call to which the kind applies, from this one on, counted from 1
  bool persistent;  // and every one after it

  std::atomic<int64_t> skipped_ns;  // by which the file server's clock is ahead

  std::atomic<bool> armed;      // calls count, and may fail
  std::atomic<uint32_t> calls;  // that have counted
  std::atomic<uint32_t> hit;    // the first call that went wrong; 0: none did
  char what[kMaxPath_bytes];    // that call: its name and its file
};

// Of fail_calls.so: from now on this process's calls go by the plan. A child of fork() inherits it.
using UsePlan = void (*)(FaultPlan*);
inline constexpr char kUsePlan[] = "fail_calls_use_plan";

}  // namespace sqlite_efs::faults

#endif  // SQLITE_EFS_TESTS_FAULTS_FAULT_PLAN_H_
