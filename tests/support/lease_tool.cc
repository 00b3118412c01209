// The lease of one database in a DynamoDB table, for tests to take and give back: lease_tool TABLE DATABASE_ID
// [EXPIRATION_S]. Reads commands from standard input, one a line, and answers each with a line of JSON:
//   acquire TIMEOUT_S     release SEGMENT|-     held
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "aws/access.h"
#include "lease/dynamodb_lease_store.h"
#include "lease/lease.h"

using namespace sqlite_efs;  // NOLINT(google-build-using-namespace): a program of one file
using nlohmann::json;

namespace {

constexpr uint64_t kSalts = 0xfedcba9876543210;

// Counts the requests of another client.
class CountingClient final : public HttpClient {
 public:
  CountingClient(std::unique_ptr<HttpClient> client, std::atomic<int>& count)
      : client_(std::move(client)), count_(count) {}
  Result<HttpResponse> Send(const HttpRequest& request, Duration limit) override {
    count_++;
    return client_->Send(request, limit);
  }

 private:
  const std::unique_ptr<HttpClient> client_;
  std::atomic<int>& count_;
};

std::atomic<int> requests = 0;

// The process's own access, its client counted.
std::shared_ptr<AwsAccess> CountedAccess() {
  const std::shared_ptr<AwsAccess> access = NewAwsAccess(PosixFileSystem(), SystemClock());
  return std::make_shared<AwsAccess>([access]() -> Result<AwsParts> {
    EFS_ASSIGN_OR_RETURN(AwsParts* const own, access->Open());
    AwsParts parts = std::move(*own);
    parts.http = std::make_unique<CountingClient>(std::move(parts.http), requests);
    return parts;
  });
}

json Answer(const Status& status) {
  json answer = {{"ok", status.ok()}};
  if (!status.ok()) answer["message"] = status.message();
  if (!status.ok()) answer["busy"] = status.Is(StatusCode::kBusy);
  return answer;
}

json Acquire(Lease& lease, double timeout_s) {
  const Instant begun = SystemClock().Now();
  const auto timeout = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(timeout_s));
  const Result<std::optional<CleanRelease>> previous = lease.Acquire(begun + timeout);
  json answer = Answer(previous.status());
  if (previous.ok() && *previous) answer["joins"] = (*previous)->segment;
  answer["waited_s"] = std::chrono::duration<double>(SystemClock().Now() - begun).count();
  return answer;
}

json Release(Lease& lease, const std::string& segment) {
  if (segment == "-") return Answer(lease.Release(std::nullopt));
  return Answer(lease.Release(CleanRelease{std::stoull(segment), kSalts, 12, lease.store_name()}));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::shared_ptr<AwsAccess> access = CountedAccess();
  LeaseOptions options;
  if (argc > 3) options.expiration = std::chrono::seconds(std::stoi(argv[3]));
  auto store =
      std::make_unique<DynamoDbLeaseStore>(std::make_unique<DynamoDb>(access, argv[1], SystemClock()), SystemClock());
  Lease lease(std::move(store), SystemClock(), NewThreadAlarm(), options, argv[2], "/the/database");
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what;
    std::string argument;
    words >> what >> argument;
    const int before = requests;
    json answer = what == "acquire"   ? Acquire(lease, std::stod(argument))
                  : what == "release" ? Release(lease, argument)
                                      : json{{"held", lease.held()}, {"renewals", lease.renewals.load()}};
    answer["requests"] = requests - before;
    std::cout << answer.dump() << std::endl;  // NOLINT(performance-avoid-endl): the other side waits for it
  }
  return 0;
}
