#ifndef SQLITE_EFS_SIM_FAULTS_H_
#define SQLITE_EFS_SIM_FAULTS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/random.h"
#include "sim/scheduler.h"

namespace sqlite_efs::sim {

// A call that a simulated process makes of the world.
enum class Op : uint8_t {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kLook,
  kTouch,
  kChangeMode,
  kTryLock,
  kUnlock,
  kList,
  kStat,
  kLink,
  kRename,
  kMakeDirectory,
  kRemove,
  kRemoveDirectory,
  kSyncDirectory,
  kWriteBase,  // the same for the database file itself
  kSyncBase,
  kTouchBase,
  kSleep,
  kAcquire,
  kRenew,
  kRelease,
};
inline constexpr size_t kOps = 25;
const char* NameOf(Op op);
bool ChangesFiles(Op op);
bool AsksService(Op op);

enum class FaultKind : uint8_t {
  kKillProcess,     // SIGKILL
  kStopProcess,     // SIGSTOP, later SIGCONT
  kHold,            // stopped until others have sealed, merged or begun a copying some times
  kHoldHost,        // the same for all of a machine, frozen
  kStall,           // one call takes long, on its way there or back
  kFreezeHost,      // all processes of a machine; its clock goes on
  kFreezeClock,     // the same, and CLOCK_MONOTONIC stands still
  kKillHost,        // a machine goes away, with its caches
  kCutHost,         // no network for a while
  kError,           // a call fails and does nothing
  kErrorAfter,      // a call does its work and reports a failure
  kLate,            // a call reports a failure, and does its work later
  kTornWrite,       // a write does a part of its work and reports a failure
  kSyncError,       // a write in the background fails
  kFullDisk,        // for a while nothing can grow
  kLostReply,       // of the lease service: it did what was asked for
  kLateRequest,     // to the lease service: it will do it later
  kDoubledRequest,  // to the lease service: it does it now, and again later
  kServiceOut,      // the lease service does not answer for a while
  kClockJump,       // a wall clock is wrong
  kClockDrift,      // a monotonic clock is fast or slow
};
inline constexpr size_t kFaultKinds = 21;
const char* NameOf(FaultKind kind);

// What happens at the `countdown`th call of any process (or of that kind of call) from the beginning.
struct Fault {
  FaultKind kind = FaultKind::kStall;
  bool any_op = true;
  Op op = Op::kOpen;
  uint32_t countdown = 0;
  Time duration = 0;
  uint64_t detail = 0;
  bool masked = false;
};

// What the faults have in store for one call.
struct Verdict {
  enum class Outcome : uint8_t { kNormal, kFails, kFailsAfter, kLate, kTorn, kDoubled };
  Outcome outcome = Outcome::kNormal;
  Time delay_before = 0;
  Time delay_after = 0;
  uint64_t detail = 0;
};

using FaultKinds = std::array<bool, kFaultKinds>;

// Whether that kind can happen where there is no network (machines with local files), or no lease service.
bool NeedsNetwork(FaultKind kind);
bool NeedsService(FaultKind kind);

// A history's faults, which its seed decides. Some come so early that every history has them.
std::vector<Fault> DrawFaults(Random random, const FaultKinds& kinds, size_t count, uint32_t expected_calls);

// Lets it happen at one of the next calls that every history has: the one it was meant for may not come any more.
void Hasten(Fault& fault);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_FAULTS_H_
