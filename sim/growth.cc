#include "sim/growth.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/client.h"
#include "sim/history.h"
#include "sim/slots.h"
#include "sim/sql.h"
#include "sim/world.h"

namespace sqlite_efs::sim {
namespace {

constexpr uint64_t kMaxSteps = 30'000'000;
constexpr Time kStart = 2 * kSecond;  // by then all have opened the database
constexpr Time kQuiet = 10 * kSecond;
constexpr Time kBusy = 60 * kSecond;
constexpr Time kReadPause = kSecond;
constexpr Time kCommitPause = 250 * kMillisecond;  // of all machines together
constexpr int kBusyTimeout_ms = 10'000;
constexpr std::array<const char*, kRegisters> kAdd = {"UPDATE r0 SET v = v + 1", "UPDATE r1 SET v = v + 1",
                                                      "UPDATE r2 SET v = v + 1", "UPDATE r3 SET v = v + 1",
                                                      "UPDATE r4 SET v = v + 1", "UPDATE r5 SET v = v + 1"};

class Costs {
 public:
  void Add(uint64_t calls, Time took) {
    calls_.push_back(calls);
    took_.push_back(took);
  }
  Cost Sum() {
    if (calls_.empty()) return {};
    std::sort(calls_.begin(), calls_.end());
    std::sort(took_.begin(), took_.end());
    const size_t middle = calls_.size() / 2;
    return {calls_.size(), calls_[middle], took_[middle], took_[calls_.size() * 99 / 100]};
  }

 private:
  std::vector<uint64_t> calls_;
  std::vector<Time> took_;
};

class Crowd {
 public:
  explicit Crowd(int hosts) : hosts_(hosts) {}

  GrowthRow Run() {
    CopyLiveDatabase(&world_.server);
    for (int i = 0; i < hosts_; i++) {
      Process& process = world_.AddProcess(world_.AddHost(/*local=*/false), 0);
      Spawn(process, [this, &process, i] { Live(process, i); });
    }
    if (!Scheduler::Get().Run(kMaxSteps)) std::abort();
    GrowthRow row = {hosts_, quiet_.Sum(), reads_.Sum(), commits_.Sum(), 0, refused_, false};
    const uint64_t asked = Asked();
    row.lease_calls = row.commits.operations == 0 ? 0 : static_cast<double>(asked) / double(row.commits.operations);
    row.lost = Total() != static_cast<int64_t>(row.commits.operations);
    for (Process& process : world_.processes) LeaveSlot(process);
    return row;
  }

 private:
  void Spawn(Process& process, std::function<void()> body) {
    Settings settings;
    settings.lease_store = Settings::LeaseStore::kService;
    if (!TakeSlot(process, settings)) std::abort();
    Scheduler::Get().Spawn(&process.actor, Scheduler::Get().now(), std::move(body));
  }

  static int Open(Process& process, Sql* sql) {
    const std::string name = "file:" + PathOf(process, "/db") + "?vfs=" + VfsOf(process) + "&timeout=10";
    const int rc = sql->Open(name, nullptr, SQLITE_OPEN_READWRITE);
    if (rc == SQLITE_OK) sqlite3_busy_timeout(sql->get(), kBusyTimeout_ms);
    return rc;
  }

  static void SleepUntil(Time at) {
    if (at > Scheduler::Get().now()) Scheduler::Get().Sleep(at - Scheduler::Get().now());
  }

  // What one machine does from the beginning to the end.
  void Live(Process& process, int number) {
    Sql sql;
    Random random(static_cast<uint64_t>(number) + 1);
    if (Open(process, &sql) != SQLITE_OK) std::abort();
    Version version;
    for (Time at = kStart; at < kStart + kQuiet; at += kReadPause) {
      SleepUntil(at + static_cast<Time>(random.Below(kReadPause)));
      Count(&quiet_, [&] { return ReadRegister(sql, number % kRegisters, &version); });
    }
    Time next_commit = kStart + kQuiet + Pause(random);
    for (Time at = kStart + kQuiet; at < kStart + kQuiet + kBusy; at += kReadPause) {
      while (next_commit < at + kReadPause) {
        SleepUntil(next_commit);
        next_commit += Pause(random);
        Count(&commits_, [&] { return sql.Run(kAdd[static_cast<size_t>(number % kRegisters)]); });
      }
      SleepUntil(at + static_cast<Time>(random.Below(kReadPause)));
      Count(&reads_, [&] { return ReadRegister(sql, number % kRegisters, &version); });
    }
  }

  Time Pause(Random& random) const {
    return static_cast<Time>(1 + random.Below(2 * static_cast<uint64_t>(hosts_ * kCommitPause)));
  }

  template <typename Operation>
  void Count(Costs* costs, const Operation& operation) {
    const Thread& thread = *Scheduler::Get().current();
    const uint64_t calls = thread.calls;
    const Time begun = Scheduler::Get().now();
    const int rc = operation();
    if (rc == SQLITE_OK) return costs->Add(thread.calls - calls, Scheduler::Get().now() - begun);
    if ((rc & 0xff) != SQLITE_BUSY) std::abort();
    refused_++;
  }

  uint64_t Asked() const {
    uint64_t asked = 0;
    for (size_t i = 0; i < kOps; i++) asked += AsksService(static_cast<Op>(i)) ? world_.counts.calls[i] : 0;
    return asked;
  }

  // What all registers hold together, for a machine that knows nothing yet.
  int64_t Total() {
    int64_t total = 0;
    Process& process = world_.AddProcess(world_.AddHost(/*local=*/false), 0);
    Spawn(process, [&] {
      Sql sql;
      if (Open(process, &sql) != SQLITE_OK) std::abort();
      for (int item = 0; item < kRegisters; item++) {
        Version version;
        if (ReadRegister(sql, item, &version) != SQLITE_OK) std::abort();
        total += version.number;
      }
    });
    if (!Scheduler::Get().Run(kMaxSteps)) std::abort();
    return total;
  }

  const int hosts_;
  World world_{1};
  Costs quiet_;
  Costs reads_;
  Costs commits_;
  uint64_t refused_ = 0;
};

}  // namespace

GrowthRow MeasureGrowth(int hosts) { return Crowd(hosts).Run(); }

}  // namespace sqlite_efs::sim
