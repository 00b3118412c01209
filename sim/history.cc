#include "sim/history.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "sim/slots.h"
#include "sim/stock_vfs.h"
#include "sim/verify.h"
#include "vfs/errors.h"

namespace sqlite_efs::sim {
namespace {

constexpr uint64_t kMaxSteps = 3'000'000;
constexpr uint32_t kExpectedCalls = 2500;
constexpr Time kLongestRestart = 5 * kSecond;
constexpr size_t kLeastTasks = 9;
constexpr size_t kMostTasks = 14;
constexpr std::array<Time, 4> kTicks = {1, 4 * kMillisecond, 10 * kMillisecond, 50 * kMillisecond};

// The files that histories begin with.
struct Templates {
  FileServer ordinary;
  FileServer live;
};
Templates& Prepared() {
  static auto* templates = new Templates;
  return *templates;
}

// How often each kind of work is done.
constexpr std::array<std::pair<Work, int>, 12> kMix = {{{Work::kGlance, 4},
                                                        {Work::kRead, 4},
                                                        {Work::kLongRead, 1},
                                                        {Work::kTransfer, 12},
                                                        {Work::kLateWrite, 2},
                                                        {Work::kPads, 4},
                                                        {Work::kMany, 1},
                                                        {Work::kRollback, 1},
                                                        {Work::kSavepoint, 1},
                                                        {Work::kTables, 1},
                                                        {Work::kVacuum, 1},
                                                        {Work::kCheckpoint, 1}}};

Work DrawWork(Random& random) {
  int total = 0;
  for (const auto& [work, weight] : kMix) total += weight;
  auto left = static_cast<int>(random.Below(static_cast<uint64_t>(total)));
  for (const auto& [work, weight] : kMix) {
    left -= weight;
    if (left < 0) return work;
  }
  return Work::kTransfer;
}

// One seed, brought to its end.
class History {
 public:
  History(const Plan& plan, const Options& options)
      : plan_(plan), options_(options), random_(plan.seed), world_(plan.seed) {}

  Report Run() {
    sqlite3_randomness(0, nullptr);  // SQLite's generator begins anew, from the VFS
    world_.tracing = plan_.tracing;
    SetUp();
    const bool ended = Scheduler::Get().Run(kMaxSteps);
    if (!ended) checker_.Fail("not bounded: threads wait for each other, or the history does not end");
    if (ended) Conclude();
    return Finish();
  }

  PlanSize Size() {
    SetUp();
    PlanSize size;
    size.faults = world_.faults.size();
    for (const std::unique_ptr<Client>& client : clients_) size.tasks.push_back(client->tasks().size());
    return size;
  }

 private:
  void SetUp() {
    const int hosts = options_.hosts != 0 ? options_.hosts
                      : random_.OneIn(4)  ? 1
                                          : static_cast<int>(random_.Between(3, 4));
    local_ = hosts == 1 && !random_.OneIn(4);
    // DynamoDB's requests are texts, and take long to make and to read.
    const bool dynamodb = random_.OneIn(4);
    if (hosts > 1) settings_.lease_store = dynamodb ? Settings::LeaseStore::kDynamoDb : Settings::LeaseStore::kService;
    settings_.spill_bytes = random_.OneIn(2) ? size_t{4096} : size_t{4} << 20;
    world_.reopening = random_.OneIn(3) ? 2 : 6;
    world_.autocheckpoint = static_cast<uint64_t>(random_.Magnitude(4, 1000));
    settings_.merge.step_pages = random_.Between(1, 40);
    settings_.merge.max_sealed_segments = random_.Below(3);
    settings_.merge.delay = Duration(random_.Magnitude(kMillisecond, 10 * kSecond));
    world_.server.tick = kTicks[random_.Below(kTicks.size())];
    world_.server.coarse_change = random_.OneIn(3);
    world_.server.lock_lease = static_cast<Time>(random_.Between(1, 20)) * kSecond;
    start_ = random_.OneIn(8) ? Start::kNew : random_.OneIn(12) ? Start::kOrdinary : Start::kLive;
    if (options_.start != Start::kBySeed) start_ = options_.start;
    if (start_ == Start::kLive) world_.server.CopyFiles(Prepared().live);
    if (start_ == Start::kOrdinary) world_.server.CopyFiles(Prepared().ordinary);
    for (int i = 0; i < hosts; i++) world_.AddHost(local_);
    FaultKinds kinds = options_.kinds;
    for (size_t i = 0; i < kFaultKinds; i++) {
      const auto kind = static_cast<FaultKind>(i);
      kinds[i] = kinds[i] && !(local_ && NeedsNetwork(kind)) && !(hosts == 1 && NeedsService(kind));
    }
    crosses_ = Random(Mix(plan_.seed, 12)).OneIn(2);
    world_.faults = DrawFaults(Random(Mix(plan_.seed, 11)), kinds,
                               random_.Between(options_.least_faults, options_.most_faults), kExpectedCalls);
    for (size_t i = 0; i < world_.faults.size(); i++) world_.faults[i].masked = plan_.masked_faults.contains(i);
    AddClients(hosts);
  }

  void AddClients(int hosts) {
    const size_t processes = hosts == 1 ? random_.Between(3, 5) : static_cast<size_t>(hosts) + random_.Below(2);
    uint64_t detaches = random_.OneIn(8) ? random_.OneIn(2) ? 4 : 12 : 0;
    if (options_.detaches != 0) detaches = options_.detaches;
    for (size_t p = 0; p < processes; p++) {
      Host& host = *world_.hosts[p % static_cast<size_t>(hosts)];
      const bool read_only = p + 1 == processes && p >= 3 && random_.OneIn(2);
      std::vector<Client*> group;
      for (size_t c = random_.OneIn(3) ? 2 : 1; c > 0; c--) group.push_back(AddClient(read_only, detaches));
      StartProcess(host, group, static_cast<Time>(random_.Below(10 * kMillisecond)), read_only);
    }
  }

  // Of the client's tasks one in `detaches` is a detach; 0: none.
  Client* AddClient(bool read_only, uint64_t detaches) {
    const size_t number = clients_.size() + 1;
    Random random(Mix(plan_.seed, 100 + number));
    Random crossing(Mix(plan_.seed, 200 + number));
    std::vector<Task> tasks(random.Between(kLeastTasks, kMostTasks));
    for (size_t i = 0; i < tasks.size(); i++) {
      Work work = DrawWork(random);
      if (crosses_ && crossing.OneIn(2)) work = Work::kCross;
      if (read_only) work = random.OneIn(4) ? Work::kGlance : Work::kRead;
      if (detaches != 0 && !read_only && random.OneIn(detaches)) work = Work::kDetach;
      tasks[i] = {work, random.Next(), plan_.masked_tasks.contains({number, i})};
    }
    clients_.push_back(
        std::make_unique<Client>(static_cast<int>(number), std::move(tasks), checker_, client_counts_, read_only));
    return clients_.back().get();
  }

  // A process in which each of the clients has a thread. When it is killed, another one takes its place.
  void StartProcess(Host& host, const std::vector<Client*>& group, Time at, bool read_only) {
    Scheduler::Get().At(at, [this, &host, group, read_only] {
      Host* machine = &host;
      while (machine->dead) {  // it has been started again, once for all its processes
        Host*& again = started_again_[machine];
        if (again == nullptr) again = &world_.AddHost(local_);
        machine = again;
      }
      Process& process = world_.AddProcess(*machine, read_only ? 1 : 0);
      if (!TakeSlot(process, settings_)) std::abort();
      for (Client* const client : group) {
        Scheduler::Get().Spawn(&process.actor, Scheduler::Get().now(), [this, &process, client, read_only] {
          if (start_ == Start::kNew && !tables_made_) read_only ? AwaitTables(process) : MakeDatabase(process);
          if (!tables_made_ && start_ == Start::kNew && !process.dead()) return;
          client->Run(process);
          if (client->done()) return;
          const Time pause = static_cast<Time>(world_.latency.Below(kLongestRestart));
          StartProcess(*process.host, {client}, Scheduler::Get().now() + pause, read_only);
        });
      }
    });
  }

  void AwaitTables(Process& process) {
    for (int i = 0; i < 600 && !tables_made_ && !process.dead(); i++) Scheduler::Get().Sleep(200 * kMillisecond);
  }

  // The first who gets so far makes the tables.
  void MakeDatabase(Process& process) {
    for (int i = 0; i < 600 && !process.dead(); i++) {
      Sql sql;
      const std::string name = "file:" + PathOf(process, "/db") + "?vfs=" + VfsOf(process) + "&timeout=3";
      int rc = sql.Open(name, nullptr, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      // Refused if a creation that was broken off has left a file with pages of another size.
      if (rc == SQLITE_OK) (void)sql.Execute("PRAGMA page_size=" + std::to_string(512 << process.number % 4));
      if (rc == SQLITE_OK) rc = sql.Execute("BEGIN IMMEDIATE");
      bool there = false;
      if (rc == SQLITE_OK) {
        rc = sql.Run("SELECT 1 FROM sqlite_schema WHERE name = 'pad'", {}, [&](sqlite3_stmt*) { there = true; });
      }
      if (rc == SQLITE_OK && !there && !MakeTables(sql)) rc = SQLITE_ERROR;
      if (rc == SQLITE_OK) rc = sql.Execute("COMMIT");
      if (rc == SQLITE_OK) {
        tables_made_ = true;
        return;
      }
      sql.Close();
      Scheduler::Get().Sleep(200 * kMillisecond);
    }
  }

  // Nothing happens any more: what is there is judged by the engine, on a machine that knows nothing, and by SQLite.
  void Conclude() {
    world_.faults_enabled = false;
    world_.server.full = false;
    Client last(static_cast<int>(clients_.size()) + 1, {}, checker_, client_counts_, false);
    Process& process = world_.AddProcess(world_.AddHost(local_), 0);
    RunAlone(process, [&] {
      if (!last.ProveAlive(process)) checker_.Fail("not bounded: when all faults are over nobody can write any more");
      JudgeByEngine(process, checker_);
    });
    Process& stock = world_.AddProcess(world_.AddHost(/*local=*/true), 0);
    RunAlone(stock, [&] { JudgeByStock(stock, checker_); });
  }

  void RunAlone(Process& process, const std::function<void()>& body) {
    if (!TakeSlot(process, settings_)) std::abort();
    Scheduler::Get().Spawn(&process.actor, Scheduler::Get().now(), body);
    if (!Scheduler::Get().Run(kMaxSteps)) checker_.Fail("not bounded: the final state cannot be read in time");
    LeaveSlot(process);
  }

  Report Finish() {
    for (Process& process : world_.processes) LeaveSlot(process);
    Report report;
    report.violation = checker_.violation();
    report.hash = world_.hash;
    report.hosts = world_.hosts.size() - 2;
    report.calls = world_.calls;
    report.commits = checker_.commits;
    report.unknown = checker_.unknown;
    report.counts = world_.counts;
    report.counts.takeovers += world_.service.takeovers + world_.dynamodb.takeovers;
    report.faults = world_.faults_met;
    report.clients = client_counts_;
    return report;
  }

  const Plan& plan_;
  const Options& options_;
  Random random_;
  std::map<Host*, Host*> started_again_;  // by a machine that was killed
  World world_;
  Checker checker_;
  ClientCounts client_counts_;
  Settings settings_;
  bool local_ = false;
  bool crosses_ = false;  // half of what the clients do takes no place in the order
  Start start_ = Start::kLive;
  bool tables_made_ = false;
  std::vector<std::unique_ptr<Client>> clients_;
};

// Runs `body` in a world without faults.
void InQuietWorld(World& world, const std::function<void(Process&)>& body) {
  Process& process = world.AddProcess(world.AddHost(/*local=*/true), 0);
  if (!TakeSlot(process, Settings())) std::abort();
  Scheduler::Get().Spawn(&process.actor, 0, [&] { body(process); });
  if (!Scheduler::Get().Run(kMaxSteps)) std::abort();
  LeaveSlot(process);
}

}  // namespace

void PrepareHistories() {
  sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3_initialize();
  RegisterSlots();
  World world(0);
  Prepared().ordinary.Reset(0);
  Prepared().live.Reset(0);
  InQuietWorld(world, [](Process& process) {
    Sql sql;
    const int rc = sql.Open(PathOf(process, "/db"), kStockVfs, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (rc != SQLITE_OK || sql.Execute("PRAGMA page_size=512; BEGIN") != SQLITE_OK || !MakeTables(sql) ||
        sql.Execute("COMMIT") != SQLITE_OK) {
      std::fprintf(stderr, "efs-sim: cannot make the first database: %s\n", sqlite3_errmsg(sql.get()));
      std::abort();
    }
  });
  Prepared().ordinary.CopyFiles(world.server);
  InQuietWorld(world, [](Process& process) {
    Sql sql;
    const std::string name = "file:" + PathOf(process, "/db") + "?vfs=" + VfsOf(process);
    if (sql.Open(name, nullptr, SQLITE_OPEN_READWRITE) != SQLITE_OK || sql.Execute("SELECT * FROM head") != SQLITE_OK) {
      std::fprintf(stderr, "efs-sim: cannot make the first live database: %s\n", LastError().c_str());
      std::abort();
    }
  });
  Prepared().live.CopyFiles(world.server);
}

void CopyLiveDatabase(FileServer* server) { server->CopyFiles(Prepared().live); }

PlanSize SizeOf(const Plan& plan, const Options& options) { return History(plan, options).Size(); }

Report RunHistory(const Plan& plan, const Options& options) { return History(plan, options).Run(); }

}  // namespace sqlite_efs::sim
