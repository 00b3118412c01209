#include "sim/dynamodb_service.h"

#include <algorithm>
#include <utility>

#include "lease/dynamodb_lease_store.h"
#include "sim/world.h"

namespace sqlite_efs::sim {
namespace {

class SimulatedCredentials final : public CredentialsProvider {
 public:
  Result<Credentials> Get(Duration) override { return Credentials{"simulated", "simulated", "", std::nullopt}; }
  void Refused(const Credentials&) override {}
};

// What a process is asking the service for, for its requests' faults and the trace.
struct Purpose {
  Op op = Op::kAcquire;
  std::string lock_id;
};

// The network between a process and the service.
class ServiceClient final : public HttpClient {
 public:
  ServiceClient(Process& process, std::shared_ptr<Purpose> purpose) : process_(process), purpose_(std::move(purpose)) {}

  Result<HttpResponse> Send(const HttpRequest& request, Duration limit) override {
    World& world = *process_.world;
    if (process_.dead()) return Unavailable();
    const Verdict verdict = world.Entering(process_, purpose_->op);
    const Time patience = Scheduler::Get().now() + process_.host->ToWorld(limit.count());
    const auto give_up = [&] {
      Scheduler::Get().Sleep(std::max<Time>(patience - Scheduler::Get().now(), 0));
      return Unavailable();
    };
    const auto later = [&world, request] { (void)world.dynamodb.Serve(request); };
    world.Travel(process_, true, verdict.delay_before);
    if (process_.dead() || verdict.outcome == Verdict::Outcome::kLate) {
      world.Later(later);
      return give_up();
    }
    if (process_.host->is_cut() || world.service.out_until > Scheduler::Get().now()) return give_up();
    HttpResponse response = world.dynamodb.Serve(request);
    if (verdict.outcome == Verdict::Outcome::kDoubled) world.Later(later);
    world.Travel(process_, true, verdict.delay_after);
    world.Note(process_, purpose_->op, purpose_->lock_id, static_cast<int>(verdict.outcome));
    // Who has given up waiting does not learn what it did.
    if (process_.dead() || Scheduler::Get().now() > patience) return Unavailable();
    if (verdict.outcome == Verdict::Outcome::kFailsAfter) return give_up();
    return response;
  }

 private:
  static Status Unavailable() { return {StatusCode::kUnavailable, "the lease service did not answer"}; }

  Process& process_;
  const std::shared_ptr<const Purpose> purpose_;
};

std::unique_ptr<DynamoDb> NewDynamoDb(Process& process, Clock& clock, const std::shared_ptr<Purpose>& purpose) {
  const auto access = std::make_shared<AwsAccess>([&process, purpose]() -> Result<AwsParts> {
    AwsParts parts;
    parts.config.region = "simulation";
    parts.config.dynamodb_url = "https://simulation/";
    parts.http = std::make_unique<ServiceClient>(process, purpose);
    parts.credentials = std::make_unique<SimulatedCredentials>();
    return parts;
  });
  return std::make_unique<DynamoDb>(access, "locks", clock);
}

// The product's store, which says what its requests are for.
class ServiceStore final : public LeaseStore {
 public:
  ServiceStore(Process& process, Clock& clock) : store_(NewDynamoDb(process, clock, purpose_), clock) {}

  std::string name() const override { return store_.name(); }
  bool expires() const override { return store_.expires(); }
  Result<AcquireReply> TryAcquire(const LeaseRecord& wanted, const Takeover& takeover, Duration limit) override {
    *purpose_ = {Op::kAcquire, wanted.lock_id};
    return store_.TryAcquire(wanted, takeover, limit);
  }
  Result<bool> Renew(const LeaseRecord& renewed, Duration limit) override {
    *purpose_ = {Op::kRenew, renewed.lock_id};
    return store_.Renew(renewed, limit);
  }
  void StopWaiting() override { store_.StopWaiting(); }
  Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration limit) override {
    *purpose_ = {Op::kRelease, mine.lock_id};
    return store_.Release(mine, clean, limit);
  }

 private:
  const std::shared_ptr<Purpose> purpose_ = std::make_shared<Purpose>();
  DynamoDbLeaseStore store_;
};

}  // namespace

std::unique_ptr<LeaseStore> NewDynamoDbLeaseStore(Process& process, Clock& clock) {
  return std::make_unique<ServiceStore>(process, clock);
}

}  // namespace sqlite_efs::sim
