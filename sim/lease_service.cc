#include "sim/lease_service.h"

#include "sim/service_call.h"

namespace sqlite_efs::sim {
namespace {

class ServiceLeaseStore final : public LeaseStore {
 public:
  explicit ServiceLeaseStore(Process& process) : process_(process) {}

  std::string name() const override { return kServiceName; }
  bool expires() const override { return true; }

  Result<AcquireReply> TryAcquire(const LeaseRecord& wanted, const Takeover& takeover, Duration limit) override {
    const auto reply =
        AskService(process_, Op::kAcquire, wanted.lock_id, limit,
                   [&service = service(), wanted, takeover] { return service.TryAcquire(wanted, takeover); });
    return reply ? Result<AcquireReply>(*reply) : ServiceUnavailable();
  }

  Result<bool> Renew(const LeaseRecord& renewed, Duration limit) override {
    const auto held = AskService(process_, Op::kRenew, renewed.lock_id, limit,
                                 [&service = service(), renewed] { return service.Renew(renewed); });
    return held ? Result<bool>(*held) : ServiceUnavailable();
  }

  Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration limit) override {
    const auto done = AskService(process_, Op::kRelease, mine.lock_id, limit, [&service = service(), mine, clean] {
      service.Release(mine, clean);
      return true;
    });
    return done ? Status() : ServiceUnavailable();
  }

 private:
  LeaseService& service() { return process_.world->service; }

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
