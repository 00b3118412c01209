#include "sim/faults.h"

#include <algorithm>

namespace sqlite_efs::sim {
namespace {

constexpr std::array<const char*, kOps> kOpNames = {
    "open",       "read",      "write",      "sync",  "truncate", "look",  "touch",  "chmod", "lock",
    "unlock",     "list",      "stat",       "link",  "rename",   "mkdir", "remove", "rmdir", "syncdir",
    "write-base", "sync-base", "touch-base", "sleep", "acquire",  "renew", "release"};
constexpr std::array<const char*, kFaultKinds> kKindNames = {
    "kill",      "stop",       "hold",         "hold-host",       "stall",       "freeze",     "freeze-clock",
    "kill-host", "cut",        "error",        "error-after",     "late",        "torn",       "sync-error",
    "full",      "lost-reply", "late-request", "doubled-request", "service-out", "clock-jump", "clock-drift"};

constexpr Time kShortest = kMillisecond;
constexpr Time kLongest = 60 * kSecond;
constexpr size_t kEarlyFaults = 4;
constexpr uint32_t kHastened_calls = 200;
constexpr uint32_t kHastenedOfOneKind_calls = 4;
// Calls at which the protocol takes its decisions; the others are met by counting all calls.
constexpr std::array kDecisive = {Op::kWrite, Op::kSync,   Op::kLook,      Op::kTouch,    Op::kChangeMode, Op::kLink,
                                  Op::kOpen,  Op::kRename, Op::kList,      Op::kAcquire,  Op::kRelease,    Op::kTryLock,
                                  Op::kLink,  Op::kRename, Op::kWriteBase, Op::kSyncBase, Op::kTouchBase};

// Calls that every history has, at least some dozens of each.
constexpr std::array kFrequent = {Op::kRead, Op::kWrite, Op::kSync, Op::kLook, Op::kOpen, Op::kTouch, Op::kAcquire};

bool IsRareOp(Op op) {
  return op == Op::kChangeMode || op == Op::kLink || op == Op::kRename || op == Op::kWriteBase || op == Op::kSyncBase ||
         op == Op::kTouchBase;
}

// The calls at which a fault of that kind can happen.
bool Suits(FaultKind kind, Op op) {
  switch (kind) {
    case FaultKind::kLate:
      return ChangesFiles(op);
    case FaultKind::kTornWrite:
      return op == Op::kWrite || op == Op::kWriteBase;
    case FaultKind::kSyncError:
      return op == Op::kSync || op == Op::kSyncBase;
    case FaultKind::kLostReply:
    case FaultKind::kLateRequest:
    case FaultKind::kDoubledRequest:
    case FaultKind::kServiceOut:
      return AsksService(op);
    case FaultKind::kError:
    case FaultKind::kErrorAfter:
      return op != Op::kSleep && !AsksService(op);
    default:
      return true;
  }
}

bool SuitsAllCalls(FaultKind kind) { return Suits(kind, Op::kStat) && Suits(kind, Op::kSleep); }

}  // namespace

const char* NameOf(Op op) { return kOpNames[static_cast<size_t>(op)]; }
const char* NameOf(FaultKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

bool ChangesFiles(Op op) {
  switch (op) {
    case Op::kWrite:
    case Op::kWriteBase:
    case Op::kTruncate:
    case Op::kTouch:
    case Op::kTouchBase:
    case Op::kChangeMode:
    case Op::kLink:
    case Op::kRename:
    case Op::kRemove:
    case Op::kRemoveDirectory:
      return true;
    default:
      return false;
  }
}

bool AsksService(Op op) { return op == Op::kAcquire || op == Op::kRenew || op == Op::kRelease; }

bool NeedsNetwork(FaultKind kind) { return kind == FaultKind::kCutHost; }

bool NeedsService(FaultKind kind) {
  return kind == FaultKind::kLostReply || kind == FaultKind::kLateRequest || kind == FaultKind::kDoubledRequest ||
         kind == FaultKind::kServiceOut;
}

std::vector<Fault> DrawFaults(Random random, const FaultKinds& kinds, size_t count, uint32_t expected_calls) {
  std::vector<FaultKind> wanted;
  for (size_t i = 0; i < kFaultKinds; i++) {
    if (kinds[i]) wanted.push_back(static_cast<FaultKind>(i));
  }
  std::vector<Fault> faults;
  while (!wanted.empty() && faults.size() < count) {
    Fault fault;
    fault.kind = wanted[random.Below(wanted.size())];
    fault.any_op = random.OneIn(3);
    do {
      fault.op = random.OneIn(3) ? static_cast<Op>(random.Below(kOps)) : kDecisive[random.Below(kDecisive.size())];
    } while (!Suits(fault.kind, fault.op));
    if (!SuitsAllCalls(fault.kind)) fault.any_op = false;
    const bool early = faults.size() < kEarlyFaults;
    if (early && !fault.any_op) {
      do {
        fault.op = kFrequent[random.Below(kFrequent.size())];
      } while (!Suits(fault.kind, fault.op));
    }
    const uint32_t calls = early ? expected_calls / 3 : expected_calls;
    fault.countdown = static_cast<uint32_t>(random.Below(fault.any_op         ? calls
                                                         : IsRareOp(fault.op) ? 1 + calls / 200
                                                                              : 1 + calls / 40));
    fault.duration = random.Magnitude(kShortest, kLongest);
    fault.detail = random.Next();
    faults.push_back(fault);
  }
  return faults;
}

void Hasten(Fault& fault) {
  fault.any_op = SuitsAllCalls(fault.kind);
  if (fault.any_op) {
    fault.countdown = std::min(fault.countdown, kHastened_calls);
    return;
  }
  fault.op = *std::find_if(kFrequent.begin(), kFrequent.end(), [&](Op op) { return Suits(fault.kind, op); });
  fault.countdown = std::min(fault.countdown, kHastenedOfOneKind_calls);
}

}  // namespace sqlite_efs::sim
