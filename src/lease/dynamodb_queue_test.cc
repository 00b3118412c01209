#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "lease/dynamodb_lease_store.h"
#include "lease/pace.h"
#include "testing/dynamodb_service.h"
#include "testing/manual_clock.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::DynamoDbService;
using testing::ManualClock;

constexpr const char* kId = "01234567-89ab-4cde-8f01-23456789abcd";
constexpr Duration kRoundTrip = milliseconds(5);
constexpr PaceLimits kPace = {milliseconds(10), milliseconds(200), milliseconds(20), milliseconds(100), 0};

struct Scenario {
  size_t processes = 2;
  int tenures = 50;  // of each
  Duration hold = milliseconds(10);
  Duration first_hold = Duration::zero();  // of the first tenure of all; zero: as the others
  uint64_t max_attempts = 0;               // at one state of the item; 0: any number
  int deaths_per_1000_steps = 0;
  int lost_per_1000 = 0;  // requests
};

// Processes that want the lease again and again, in the time of one clock that jumps from one process's next step to
// that of another. Between two requests of one of them, others take theirs.
class Crowd {
 public:
  Crowd(const Scenario& scenario, uint32_t seed) : scenario_(scenario), random_(seed) {
    for (size_t i = 0; i < scenario.processes; i++) {
      processes_.push_back(std::make_unique<Process>());
      processes_.back()->store = service_.NewStore(clock_);
      processes_.back()->name = "p" + std::to_string(i);
      processes_.back()->due = clock_.Now() + milliseconds(Roll(20));
    }
    service_.before = [this](const HttpRequest&) { Request(); };
  }

  void Run() {
    const Instant end = clock_.Now() + seconds(600);
    while (clock_.Now() < end) {
      Process* next = nullptr;
      for (const auto& process : processes_) {
        if (process->busy || process->dead || process->done == scenario_.tenures) continue;
        if (next == nullptr || process->due < next->due) next = process.get();
      }
      if (next == nullptr) return;
      clock_.Move(next->due - clock_.Now());
      Step(*next);
    }
    ADD_FAILURE() << "somebody waits for ever";
  }

  size_t requests() const { return service_.requests; }
  Duration longest_wait() const { return longest_wait_; }
  size_t overtaken() const { return overtaken_; }
  Duration took() { return clock_.Now() - begun_; }
  size_t alive() const {
    return std::ranges::count_if(processes_, [](const auto& process) { return !process->dead; });
  }
  bool all_served() const {
    return std::ranges::all_of(processes_, [&](const auto& p) { return p->dead || p->done == scenario_.tenures; });
  }

 private:
  struct Process {
    std::unique_ptr<DynamoDbLeaseStore> store;
    std::string name;
    LeaseRecord record;
    std::unique_ptr<Pace> pace;
    std::optional<LeaseRecord> seen;
    Instant seen_since;
    Instant due;
    Instant waiting_since;
    Instant in_queue_since = {INT64_MAX};
    bool holds = false;
    bool releasing = false;
    bool busy = false;
    bool dead = false;
    int done = 0;
    int attempts = 0;
  };

  int Roll(int sides) { return std::uniform_int_distribution<int>(0, sides - 1)(random_); }

  // Before each request: another process may have a step of its own in between.
  void Request() {
    if (Roll(1000) < scenario_.lost_per_1000) {
      service_.Expect({Roll(2) == 0 ? DynamoDbService::Fate::kLost : DynamoDbService::Fate::kReplyLost});
    }
    if (Roll(3) != 0 || depth_ > 1) return;
    Process& other = *processes_[Roll(static_cast<int>(processes_.size()))];
    if (other.busy || other.dead || other.done == scenario_.tenures || other.due > clock_.Now() + kRoundTrip) return;
    Step(other);
  }

  void Step(Process& process) {
    depth_++;
    process.busy = true;
    const size_t before = service_.requests;
    Duration wait = Roll(1000) < scenario_.deaths_per_1000_steps && alive() > 2 ? Die(process) : Act(process);
    process.due = clock_.Now() + wait + static_cast<int64_t>(service_.requests - before) * kRoundTrip;
    process.busy = false;
    depth_--;
  }

  static Duration Die(Process& process) {
    process.dead = true;
    return {};
  }

  Duration Act(Process& process) {
    if (process.holds || process.releasing) return EndTenure(process);
    if (!process.pace) BeginWaiting(process);
    process.record.since_ms = clock_.WallTime_ms();
    process.record.lease_ms = 1000;
    process.record.expires_at_ms = process.record.since_ms + 1000;
    Takeover takeover;
    takeover.expired_before_ms = clock_.WallTime_ms() - 500;
    const Result<AcquireReply> reply = process.store->TryAcquire(process.record, takeover, seconds(2));
    if (reply.ok() && reply->acquired) return BeginTenure(process);
    if (reply.ok() && reply->record && reply->record->lock_id == process.record.lock_id) return Recover(process);
    if (reply.ok() && process.in_queue_since.nanoseconds == INT64_MAX) process.in_queue_since = clock_.Now();
    if (reply.ok() && reply->record != process.seen) {
      process.pace->Restart();
      process.seen = reply->record;
    }
    Pace::Prospect prospect;
    if (reply.ok()) prospect = {reply->next, reply->turn_in, std::nullopt};
    return *process.pace->Next(clock_.Now(), prospect);
  }

  void BeginWaiting(Process& process) {
    process.record = {};
    process.record.database_id = kId;
    process.record.lock_id = process.name + "/" + std::to_string(++process.attempts);
    PaceLimits limits = kPace;
    limits.max_attempts = scenario_.max_attempts;
    process.pace = std::make_unique<Pace>(limits, clock_.Now() + seconds(3600));
    process.waiting_since = clock_.Now();
    process.in_queue_since = {INT64_MAX};
    process.seen.reset();
  }

  Duration Recover(Process& process) {
    process.record.version++;
    const Result<bool> renewed = process.store->Renew(process.record, seconds(2));
    return renewed.ok() && *renewed ? BeginTenure(process) : milliseconds(10);
  }

  Duration BeginTenure(Process& process) {
    for (const auto& other : processes_) {
      if (!other->dead && other->pace && other->in_queue_since < process.in_queue_since) overtaken_++;
      EXPECT_TRUE(!other->holds || other->dead || other->busy) << "two hold it";
    }
    longest_wait_ = std::max(longest_wait_, clock_.Now() - process.waiting_since);
    process.holds = true;
    process.pace.reset();
    const bool first = tenures_++ == 0 && scenario_.first_hold != Duration::zero();
    return first ? scenario_.first_hold : scenario_.hold;
  }

  Duration EndTenure(Process& process) {
    const CleanRelease clean = {1, 2, 3, process.store->name()};
    process.holds = false;
    process.releasing = !process.store->Release(process.record, clean, seconds(2)).ok();
    if (process.releasing) return milliseconds(20);
    process.done++;
    return {};
  }

  const Scenario scenario_;
  std::mt19937 random_;
  DynamoDbService service_;
  ManualClock clock_;
  const Instant begun_ = clock_.Now();
  std::vector<std::unique_ptr<Process>> processes_;
  int depth_ = 0;
  Duration longest_wait_ = Duration::zero();
  size_t overtaken_ = 0;
  size_t tenures_ = 0;
};

// Random numbers decide the waits: each test looks at many.
TEST(DynamoDbQueueTest, Is_fair_and_fast) {
  for (const size_t processes : {1, 2, 4, 8}) {
    for (const Duration hold : {milliseconds(10), milliseconds(20), milliseconds(100)}) {
      SCOPED_TRACE(std::to_string(processes) + " processes hold it for " + std::to_string(hold / milliseconds(1)));
      for (uint32_t seed = 0; seed < 4; seed++) {
        Scenario scenario;
        scenario.processes = processes;
        scenario.tenures = 20;
        scenario.hold = hold;
        Crowd crowd(scenario, seed);
        crowd.Run();
        ASSERT_TRUE(crowd.all_served());
        EXPECT_EQ(crowd.overtaken(), 0U);
        const auto count = static_cast<int64_t>(processes);
        EXPECT_LE(crowd.longest_wait(), count * (hold + milliseconds(50)));
        EXPECT_LE(crowd.took() / (count * scenario.tenures), hold + 2 * kRoundTrip + milliseconds(15));
        EXPECT_LE(crowd.requests() / (processes * scenario.tenures), processes == 1 ? 2U : 25U);
      }
    }
  }
}

TEST(DynamoDbQueueTest, Nobody_sleeps_through_its_turn_after_a_long_tenure) {
  for (const Duration first : {milliseconds(300), milliseconds(1000)}) {
    SCOPED_TRACE("the first one holds it for " + std::to_string(first / milliseconds(1)));
    for (uint32_t seed = 0; seed < 20; seed++) {
      Scenario scenario;
      scenario.processes = 8;
      scenario.tenures = 3;
      scenario.hold = milliseconds(100);
      scenario.first_hold = first;
      scenario.max_attempts = 10;
      Crowd crowd(scenario, seed);
      crowd.Run();
      ASSERT_TRUE(crowd.all_served());
      EXPECT_EQ(crowd.overtaken(), 0U);
      EXPECT_LE(crowd.longest_wait(), first + 8 * (scenario.hold + milliseconds(30)));
    }
  }
}

TEST(DynamoDbQueueTest, Goes_on_over_deaths_and_lost_requests) {
  // What a crowd takes grows with its square.
  for (const auto& [processes, seeds] : std::vector<std::pair<size_t, uint32_t>>{{2, 20}, {4, 20}, {8, 10}, {40, 2}}) {
    SCOPED_TRACE(processes);
    for (uint32_t seed = 0; seed < seeds; seed++) {
      Scenario scenario;
      scenario.processes = processes;
      scenario.tenures = 10;
      scenario.deaths_per_1000_steps = 5;
      scenario.lost_per_1000 = 30;
      Crowd crowd(scenario, seed);
      crowd.Run();
      ASSERT_TRUE(crowd.all_served());
    }
  }
}

}  // namespace
}  // namespace sqlite_efs
