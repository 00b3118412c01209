#ifndef SQLITE_EFS_SIM_SERVICE_CALL_H_
#define SQLITE_EFS_SIM_SERVICE_CALL_H_

#include <algorithm>
#include <optional>
#include <string>

#include "base/status.h"
#include "os/clock.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

inline Status ServiceUnavailable() { return {StatusCode::kUnavailable, "the lease service did not answer"}; }

// A request of a process to the lease service: it travels, may be lost, come late or twice, and its answer travels
// back. Nothing is returned to a caller who does not learn the answer within `limit`. `request` owns what it needs: it
// may still be carried out when its caller has gone.
template <typename Request>
auto AskService(Process& process, Op op, const std::string& lock_id, Duration limit, const Request& request)
    -> std::optional<decltype(request())> {
  World& world = *process.world;
  if (process.dead()) return std::nullopt;
  const Verdict verdict = world.Entering(process, op);
  const Time patience = Scheduler::Get().now() + process.host->ToWorld(limit.count());
  const auto give_up = [&] {
    Scheduler::Get().Sleep(std::max<Time>(patience - Scheduler::Get().now(), 0));
    return std::nullopt;
  };
  const auto later = [request] { (void)request(); };
  world.Travel(process, true, verdict.delay_before);
  if (process.dead() || verdict.outcome == Verdict::Outcome::kLate) {
    world.Later(later);
    return give_up();
  }
  if (process.host->is_cut() || world.service.out_until > Scheduler::Get().now()) return give_up();
  auto answer = request();
  if (verdict.outcome == Verdict::Outcome::kDoubled) world.Later(later);
  world.Travel(process, true, verdict.delay_after);
  world.Note(process, op, lock_id, static_cast<int>(verdict.outcome));
  if (process.dead() || Scheduler::Get().now() > patience) return std::nullopt;
  if (verdict.outcome == Verdict::Outcome::kFailsAfter) return give_up();
  return answer;
}

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_SERVICE_CALL_H_
