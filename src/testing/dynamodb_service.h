#ifndef SQLITE_EFS_TESTING_DYNAMODB_SERVICE_H_
#define SQLITE_EFS_TESTING_DYNAMODB_SERVICE_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lease/dynamodb_lease_store.h"
#include "testing/dynamodb_table.h"

namespace sqlite_efs::testing {

class FixedCredentials final : public CredentialsProvider {
 public:
  Result<Credentials> Get(Duration) override { return Credentials{"AKID", "SECRET", "", std::nullopt}; }
  void Refused(const Credentials&) override {}
};

// A simulated DynamoDB with one table, and stores that talk to it. Not thread-safe.
class DynamoDbService {
 public:
  // What becomes of a request. A late one gets no reply, and is carried out by Deliver(); a doubled one, again.
  enum class Fate { kServed, kLost, kReplyLost, kLate, kDoubled };
  static constexpr const char* kTable = "locks";

  std::unique_ptr<DynamoDbLeaseStore> NewStore(Clock& clock) {
    return std::make_unique<DynamoDbLeaseStore>(NewClient(clock), clock);
  }
  std::unique_ptr<DynamoDb> NewClient(Clock& clock) {
    const auto access = std::make_shared<AwsAccess>([this]() -> Result<AwsParts> {
      AwsParts parts;
      parts.config.region = "eu-west-1";
      parts.config.dynamodb_url = "https://dynamodb.eu-west-1.amazonaws.com/";
      parts.http = std::make_unique<Client>(*this);
      parts.credentials = std::make_unique<FixedCredentials>();
      return parts;
    });
    return std::make_unique<DynamoDb>(access, kTable, clock);
  }

  Result<HttpResponse> Serve(const HttpRequest& request) {
    requests++;
    if (before) before(request);
    const Fate fate = Draw();
    if (answer) return *answer;
    HttpResponse response;
    if (fate == Fate::kLate || fate == Fate::kDoubled) late_.push_back(request);
    if (fate != Fate::kLost && fate != Fate::kLate) response = table.Serve(request);
    if (fate == Fate::kServed || fate == Fate::kDoubled) return response;
    return Status(StatusCode::kUnavailable, "the service did not answer");
  }

  // Of the coming requests, in their order; all later ones are served.
  void Expect(std::vector<Fate> fates) { fates_.assign(fates.begin(), fates.end()); }

  // Carries out the requests that are still on their way; how many.
  size_t Deliver() {
    const std::vector<HttpRequest> late = std::exchange(late_, {});
    for (const HttpRequest& request : late) (void)table.Serve(request);
    return late.size();
  }

  DynamoDbTable table{kTable};
  size_t requests = 0;
  std::function<void(const HttpRequest&)> before;
  std::optional<HttpResponse> answer;  // of everything

 private:
  struct Client final : HttpClient {
    explicit Client(DynamoDbService& its_service) : service(its_service) {}
    Result<HttpResponse> Send(const HttpRequest& request, Duration) override { return service.Serve(request); }
    DynamoDbService& service;
  };

  Fate Draw() {
    if (fates_.empty()) return Fate::kServed;
    const Fate fate = fates_.front();
    fates_.pop_front();
    return fate;
  }

  std::deque<Fate> fates_;
  std::vector<HttpRequest> late_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_DYNAMODB_SERVICE_H_
