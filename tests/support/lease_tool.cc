// The lease of one database in a DynamoDB table, for tests to take and give back: lease_tool TABLE DATABASE_ID
// [EXPIRATION_S [WITNESS]]. Reads commands from standard input, one a line, and answers each with a line of JSON:
//   acquire TIMEOUT_S     release SEGMENT|-     held
// To the file WITNESS it adds every few milliseconds, while it takes itself for the holder, its process, the number of
// the tenure, and two points of CLOCK_MONOTONIC, in nanoseconds, between which it held the lease.
#include <fcntl.h>
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stop_token>
#include <thread>
#include <vector>

#include "aws/access.h"
#include "lease/dynamodb_lease_store.h"
#include "lease/lease.h"

using namespace sqlite_efs;  // NOLINT(google-build-using-namespace): a program of one file
using nlohmann::json;

namespace {

constexpr uint64_t kSalts = 0xfedcba9876543210;
constexpr Duration kWitnessPause = std::chrono::milliseconds(2);

// Notes until when sleepers mean to sleep, which does not depend on how busy the machine is.
class NotingClock final : public Clock {
 public:
  Instant Now() override {
    const Instant now = SystemClock().Now();
    latest_ = now.nanoseconds;
    return now;
  }
  int64_t WallTime_ms() override { return SystemClock().WallTime_ms(); }
  void Sleep(Duration duration) override {
    wake_ = latest_ + duration.count();
    SystemClock().Sleep(duration);
  }
  bool Wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Duration timeout,
            const std::function<bool()>& ready) override {
    return SystemClock().Wait(changed, lock, timeout, ready);
  }
  // When the latest sleep was to end, by the wall clock.
  int64_t wake_ms() { return WallTime_ms() - (SystemClock().Now() - Instant{wake_}) / std::chrono::milliseconds(1); }

 private:
  std::atomic<int64_t> latest_ = 0;
  std::atomic<int64_t> wake_ = 0;
};

NotingClock noting_clock;

// What was asked for, and when.
class Requests {
 public:
  void Add(Instant begun, Instant ended) {
    const std::lock_guard lock(mutex_);
    requests_.push_back({begun, ended});
  }
  size_t count() const {
    const std::lock_guard lock(mutex_);
    return requests_.size();
  }
  // How long the requests after the first `before` ones took of the time after `deadline`.
  Duration Beyond(Instant deadline, size_t before) const {
    const std::lock_guard lock(mutex_);
    Duration sum = Duration::zero();
    for (size_t i = before; i < requests_.size(); i++) {
      sum += std::max(requests_[i].ended - std::max(requests_[i].begun, deadline), Duration::zero());
    }
    return sum;
  }

 private:
  struct Request {
    Instant begun;
    Instant ended;
  };
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
};

Requests requests;
std::atomic<int> tenures = 0;

// Notes the requests of another client.
class NotingClient final : public HttpClient {
 public:
  explicit NotingClient(std::unique_ptr<HttpClient> client) : client_(std::move(client)) {}
  Result<HttpResponse> Send(const HttpRequest& request, Duration limit) override {
    const Instant begun = SystemClock().Now();
    Result<HttpResponse> response = client_->Send(request, limit);
    // A machine that stands still makes no request longer than it may be.
    requests.Add(begun, std::min(SystemClock().Now(), begun + limit));
    return response;
  }

 private:
  const std::unique_ptr<HttpClient> client_;
};

// The process's own access, its requests noted.
std::shared_ptr<AwsAccess> NotedAccess() {
  const std::shared_ptr<AwsAccess> access = NewAwsAccess(PosixFileSystem(), SystemClock());
  return std::make_shared<AwsAccess>([access]() -> Result<AwsParts> {
    EFS_ASSIGN_OR_RETURN(AwsParts* const own, access->Open());
    AwsParts parts = std::move(*own);
    parts.http = std::make_unique<NotingClient>(std::move(parts.http));
    return parts;
  });
}

json Answer(const Status& status) {
  json answer = {{"ok", status.ok()}};
  if (!status.ok()) answer["message"] = status.message();
  if (!status.ok()) answer["busy"] = status.Is(StatusCode::kBusy);
  return answer;
}

double InSeconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
Duration FromSeconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

json Acquire(Lease& lease, double timeout_s) {
  tenures++;
  const size_t before = requests.count();
  const Instant begun = SystemClock().Now();
  const Instant deadline = begun + FromSeconds(timeout_s);
  const Result<std::optional<CleanRelease>> previous = lease.Acquire(deadline);
  json answer = Answer(previous.status());
  if (previous.ok() && *previous) answer["joins"] = (*previous)->segment;
  answer["waited_s"] = InSeconds(SystemClock().Now() - begun);
  answer["wake_ms"] = noting_clock.wake_ms();
  answer["beyond_s"] = InSeconds(requests.Beyond(deadline, before));
  return answer;
}

json Release(Lease& lease, const std::string& segment) {
  if (segment == "-") return Answer(lease.Release(std::nullopt));
  return Answer(lease.Release(CleanRelease{std::stoull(segment), kSalts, 12, lease.store_name()}));
}

void Witness(const std::stop_token& stop, const Lease& lease, const char* path) {
  const int file = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) std::abort();
  while (!stop.stop_requested()) {
    const int tenure = tenures;
    const Instant before = SystemClock().Now();
    const bool held = lease.held();
    const Instant after = SystemClock().Now();
    if (held && tenure == tenures) {
      const std::string line = std::to_string(::getpid()) + " " + std::to_string(tenure) + " " +
                               std::to_string(before.nanoseconds) + " " + std::to_string(after.nanoseconds) + "\n";
      if (::write(file, line.data(), line.size()) < 0) std::abort();
    }
    SystemClock().Sleep(kWitnessPause);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::shared_ptr<AwsAccess> access = NotedAccess();
  LeaseOptions options;
  if (argc > 3) options.expiration = FromSeconds(std::stod(argv[3]));
  auto store =
      std::make_unique<DynamoDbLeaseStore>(std::make_unique<DynamoDb>(access, argv[1], noting_clock), noting_clock);
  Lease lease(std::move(store), noting_clock, NewThreadAlarm(), options, argv[2], "/the/database");
  std::jthread witness;
  if (argc > 4) witness = std::jthread([&](const std::stop_token& stop) { Witness(stop, lease, argv[4]); });
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what;
    std::string argument;
    words >> what >> argument;
    const size_t before = requests.count();
    json answer = what == "acquire"   ? Acquire(lease, std::stod(argument))
                  : what == "release" ? Release(lease, argument)
                                      : json{{"held", lease.held()},
                                             {"renewals", lease.metrics().Of(Count::kHeartbeats)},
                                             {"losses", lease.metrics().Of(Count::kLeasesLost)}};
    answer["requests"] = requests.count() - before;
    std::cout << answer.dump() << std::endl;  // NOLINT(performance-avoid-endl): the other side waits for it
  }
  return 0;
}
