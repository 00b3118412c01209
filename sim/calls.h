#ifndef SQLITE_EFS_SIM_CALLS_H_
#define SQLITE_EFS_SIM_CALLS_H_

#include <cerrno>
#include <functional>
#include <string>

#include "base/status.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

inline Status Gone(const std::string& path) { return Status::FromErrno(EIO, "(killed)", path); }

inline int CodeOf(const Status& status) { return static_cast<int>(status.code()); }
template <typename T>
int CodeOf(const Result<T>& result) {
  return static_cast<int>(result.status().code());
}

// The failure that a fault's detail chooses for a call.
inline constexpr uint64_t kIoErrorDetail = 1;
Status Misfortune(Op op, const std::string& path, uint64_t detail);

// One call of a process: it travels, has its effect, and its answer travels. `effect` returns a Status or Result; what
// `late` returns, if it is not empty, has the effect when the caller is told of a failure, or is not there any more.
template <typename Effect, typename Late>
auto Call(Process& process, Op op, const std::string& path, bool remote, const Effect& effect, const Late& late)
    -> decltype(effect(Verdict{})) {
  World& world = *process.world;
  remote = remote && !process.host->local();
  if (process.dead()) return Gone(path);
  const Verdict verdict = world.Entering(process, op);
  world.Travel(process, remote, verdict.delay_before);
  const bool arrived = !remote || world.AwaitNetwork(process);
  if (process.dead() || !arrived || verdict.outcome == Verdict::Outcome::kLate) {
    if (remote) world.Later(late());
    return process.dead() ? Gone(path) : Misfortune(op, path, kIoErrorDetail);  // "no space" comes from the server
  }
  if (verdict.outcome == Verdict::Outcome::kFails) return Misfortune(op, path, verdict.detail);
  auto result = effect(verdict);
  world.Note(process, op, path, CodeOf(result));
  world.Travel(process, remote, verdict.delay_after);
  if (process.dead()) return Gone(path);
  if (verdict.outcome == Verdict::Outcome::kFailsAfter) return Misfortune(op, path, verdict.detail);
  return result;
}

// The same for a call that changes nothing.
template <typename Effect>
auto Call(Process& process, Op op, const std::string& path, bool remote, const Effect& effect)
    -> decltype(effect(Verdict{})) {
  return Call(process, op, path, remote, effect, [] { return std::function<void()>(); });
}

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_CALLS_H_
