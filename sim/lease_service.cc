#include "sim/lease_service.h"

#include <utility>

#include "sim/world.h"

namespace sqlite_efs::sim {
namespace {

constexpr Time kPatience = 2 * kSecond;  // of a client with a service that does not answer
constexpr Time kUnstatedLease = 4 * kSecond;  // of a record that does not say when it expires

class ServiceLeaseStore final : public LeaseStore {
 public:
  explicit ServiceLeaseStore(Process& process) : process_(process) {}

  std::string name() const override { return kServiceName; }
  bool expires() const override { return true; }

  Result<AcquireReply> TryAcquire(const LeaseRecord& wanted, const Takeover& takeover) override {
    AcquireReply reply;
    EFS_RETURN_IF_ERROR(Ask(Op::kAcquire, wanted, [&service = service(), &reply, wanted, takeover](bool first) {
      const AcquireReply answer = service.TryAcquire(wanted, takeover);
      if (first) reply = answer;
    }));
    return reply;
  }

  Result<bool> Renew(const LeaseRecord& renewed) override {
    bool held = false;
    EFS_RETURN_IF_ERROR(Ask(Op::kRenew, renewed, [&service = service(), &held, renewed](bool first) {
      const bool answer = service.Renew(renewed);
      if (first) held = answer;
    }));
    return held;
  }

  Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean) override {
    return Ask(Op::kRelease, mine, [&service = service(), mine, clean](bool) { service.Release(mine, clean); });
  }

 private:
  LeaseService& service() { return process_.world->service; }

  static Status Unavailable() { return {StatusCode::kUnavailable, "the lease service did not answer"}; }

  // `request(first)`: the first time its answer is for this call, later nobody waits for it.
  template <typename Request>
  Status Ask(Op op, const LeaseRecord& record, const Request& request) {
    World& world = *process_.world;
    if (process_.dead()) return Unavailable();
    const Verdict verdict = world.Entering(process_, op);
    world.Travel(process_, true, verdict.delay_before);
    if (process_.dead() || verdict.outcome == Verdict::Outcome::kLate) {
      world.Later([request] { request(false); });
      return Unavailable();
    }
    if (process_.host->is_cut() || service().out_until > Scheduler::Get().now()) {
      Scheduler::Get().Sleep(kPatience);
      return Unavailable();
    }
    request(true);
    if (verdict.outcome == Verdict::Outcome::kDoubled) world.Later([request] { request(false); });
    world.Travel(process_, true, verdict.delay_after);
    world.Note(process_, op, record.lock_id, static_cast<int>(verdict.outcome));
    return process_.dead() || verdict.outcome == Verdict::Outcome::kFailsAfter ? Unavailable() : Status();
  }

  Process& process_;
};

}  // namespace

AcquireReply LeaseService::TryAcquire(const LeaseRecord& wanted, const Takeover& takeover) {
  const Time now = Scheduler::Get().now();
  const auto [found, absent] = records_.try_emplace(wanted.database_id, Kept{wanted, now});
  if (absent) return {true, false, std::nullopt};
  const LeaseRecord& held = found->second.record;
  const bool expired = held.expires_at_ms == 0 ? now - found->second.since > kUnstatedLease
                                               : held.expires_at_ms < takeover.expired_before_ms;
  const bool unchanged = !takeover.unchanged_lock_id.empty() && held.lock_id == takeover.unchanged_lock_id &&
                         held.version == takeover.unchanged_version;
  if (!held.lock_id.empty() && !expired && !unchanged) return {false, false, held};
  if (!held.lock_id.empty()) takeovers++;
  return {true, false, std::exchange(found->second, Kept{wanted, now}).record};
}

bool LeaseService::Renew(const LeaseRecord& renewed) {
  const auto found = records_.find(renewed.database_id);
  if (found == records_.end() || found->second.record.lock_id != renewed.lock_id) return false;
  found->second = {renewed, Scheduler::Get().now()};
  return true;
}

void LeaseService::Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean) {
  const auto found = records_.find(mine.database_id);
  if (found == records_.end() || found->second.record.lock_id != mine.lock_id) return;
  LeaseRecord& record = found->second.record;
  record = mine;
  record.lock_id.clear();
  record.released = clean;
}

std::unique_ptr<LeaseStore> NewServiceLeaseStore(Process& process) {
  return std::make_unique<ServiceLeaseStore>(process);
}

}  // namespace sqlite_efs::sim
