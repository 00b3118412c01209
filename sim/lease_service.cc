#include "sim/lease_service.h"

#include <algorithm>
#include <utility>

#include "sim/world.h"

namespace sqlite_efs::sim {
namespace {

class ServiceLeaseStore final : public LeaseStore {
 public:
  explicit ServiceLeaseStore(Process& process) : process_(process) {}

  std::string name() const override { return kServiceName; }
  bool expires() const override { return true; }

  Result<AcquireReply> TryAcquire(const LeaseRecord& wanted, const Takeover& takeover, Duration limit) override {
    AcquireReply reply;
    EFS_RETURN_IF_ERROR(Ask(Op::kAcquire, wanted, limit, [&service = service(), &reply, wanted, takeover](bool first) {
      const AcquireReply answer = service.TryAcquire(wanted, takeover);
      if (first) reply = answer;
    }));
    return reply;
  }

  Result<bool> Renew(const LeaseRecord& renewed, Duration limit) override {
    bool held = false;
    EFS_RETURN_IF_ERROR(Ask(Op::kRenew, renewed, limit, [&service = service(), &held, renewed](bool first) {
      const bool answer = service.Renew(renewed);
      if (first) held = answer;
    }));
    return held;
  }

  Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration limit) override {
    return Ask(Op::kRelease, mine, limit, [&service = service(), mine, clean](bool) { service.Release(mine, clean); });
  }

 private:
  LeaseService& service() { return process_.world->service; }

  static Status Unavailable() { return {StatusCode::kUnavailable, "the lease service did not answer"}; }

  // `request(first)`: the first time its answer is for this call, later nobody waits for it.
  template <typename Request>
  Status Ask(Op op, const LeaseRecord& record, Duration limit, const Request& request) {
    World& world = *process_.world;
    if (process_.dead()) return Unavailable();
    const Verdict verdict = world.Entering(process_, op);
    const Time patience = Scheduler::Get().now() + process_.host->ToWorld(limit.count());
    const auto give_up = [&] {
      Scheduler::Get().Sleep(std::max<Time>(patience - Scheduler::Get().now(), 0));
      return Unavailable();
    };
    world.Travel(process_, true, verdict.delay_before);
    if (process_.dead() || verdict.outcome == Verdict::Outcome::kLate) {
      world.Later([request] { request(false); });
      return give_up();
    }
    if (process_.host->is_cut() || service().out_until > Scheduler::Get().now()) return give_up();
    // Who has given up waiting does not learn what it did.
    const bool late = Scheduler::Get().now() > patience;
    request(!late);
    if (verdict.outcome == Verdict::Outcome::kDoubled) world.Later([request] { request(false); });
    world.Travel(process_, true, verdict.delay_after);
    world.Note(process_, op, record.lock_id, static_cast<int>(verdict.outcome));
    if (process_.dead() || late || Scheduler::Get().now() > patience) return Unavailable();
    return verdict.outcome == Verdict::Outcome::kFailsAfter ? give_up() : Status();
  }

  Process& process_;
};

}  // namespace

AcquireReply LeaseService::TryAcquire(const LeaseRecord& wanted, const Takeover& takeover) {
  const auto [found, absent] = records_.try_emplace(wanted.database_id, wanted);
  AcquireReply reply;
  reply.acquired = true;
  if (absent) return reply;
  LeaseRecord& held = found->second;
  const bool expired = held.expires_at_ms != 0 && held.expires_at_ms < takeover.expired_before_ms;
  const bool unchanged = !takeover.unchanged_lock_id.empty() && held.lock_id == takeover.unchanged_lock_id &&
                         held.version == takeover.unchanged_version;
  reply.record = held;
  reply.acquired = held.lock_id.empty() || expired || unchanged;
  if (!reply.acquired) return reply;
  if (!held.lock_id.empty()) takeovers++;
  held = wanted;
  return reply;
}

bool LeaseService::Renew(const LeaseRecord& renewed) {
  const auto found = records_.find(renewed.database_id);
  if (found == records_.end() || found->second.lock_id != renewed.lock_id) return false;
  if (found->second.version > renewed.version) return false;
  found->second = renewed;
  return true;
}

void LeaseService::Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean) {
  const auto found = records_.find(mine.database_id);
  if (found == records_.end() || found->second.lock_id != mine.lock_id) return;
  found->second = mine;
  found->second.lock_id.clear();
  found->second.released = clean;
}

std::unique_ptr<LeaseStore> NewServiceLeaseStore(Process& process) {
  return std::make_unique<ServiceLeaseStore>(process);
}

}  // namespace sqlite_efs::sim
