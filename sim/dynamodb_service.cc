#include "sim/dynamodb_service.h"

#include <utility>

#include "lease/dynamodb_lease_store.h"
#include "sim/service_call.h"

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
    auto response = AskService(process_, purpose_->op, purpose_->lock_id, limit,
                               [&table = process_.world->dynamodb, request] { return table.Serve(request); });
    return response ? Result<HttpResponse>(std::move(*response)) : ServiceUnavailable();
  }

 private:
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
  Status Discard(const LeaseRecord& mine, Duration limit) override {
    *purpose_ = {Op::kRelease, mine.lock_id};
    return store_.Discard(mine, limit);
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
