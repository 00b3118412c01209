#include "sim/client.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "sim/slots.h"
#include "store/detach.h"
#include "vfs/errors.h"

namespace sqlite_efs::sim {
namespace {

constexpr Time kLongestCall = 90 * kSecond;
constexpr Time kLongestThought = 40 * kMillisecond;
constexpr Time kLongestReadPause = 20 * kSecond;
constexpr int kMaxAttempts = 6;
constexpr int kMaxFinalAttempts = 40;
constexpr uint64_t kFewCommits = 20;
constexpr uint64_t kFewFaults = 3;
constexpr Time kLongestExtraPause = 5 * kSecond;
constexpr size_t kMaxExtra = 120;
constexpr int64_t kTxPerClient = 1'000'000;

constexpr std::array<const char*, kRegisters> kReadRegister = {"SELECT v, tx FROM r0", "SELECT v, tx FROM r1",
                                                               "SELECT v, tx FROM r2", "SELECT v, tx FROM r3",
                                                               "SELECT v, tx FROM r4", "SELECT v, tx FROM r5"};
constexpr std::array<const char*, kRegisters> kWriteRegister = {
    "UPDATE r0 SET v = ?, tx = ?", "UPDATE r1 SET v = ?, tx = ?", "UPDATE r2 SET v = ?, tx = ?",
    "UPDATE r3 SET v = ?, tx = ?", "UPDATE r4 SET v = ?, tx = ?", "UPDATE r5 SET v = ?, tx = ?"};

// SQLite's answers that say that the files contradict themselves, or that the program does.
bool IsDamage(int rc) {
  switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
    case SQLITE_INTERNAL:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool MakeTables(Sql& sql) {
  bool ok = sql.Execute("CREATE TABLE head(id INTEGER PRIMARY KEY, n INTEGER, tx INTEGER)") == SQLITE_OK;
  ok = ok && sql.Execute("CREATE TABLE list(n INTEGER PRIMARY KEY, tx INTEGER)") == SQLITE_OK;
  ok = ok && sql.Execute("CREATE TABLE acct(id INTEGER PRIMARY KEY, bal INTEGER)") == SQLITE_OK;
  ok = ok && sql.Execute("CREATE TABLE pad(id INTEGER PRIMARY KEY, tx INTEGER, fill BLOB)") == SQLITE_OK;
  ok = ok && sql.Execute("INSERT INTO head VALUES(1, 0, 0)") == SQLITE_OK;
  for (int64_t i = 0; i < kAccounts; i++) {
    ok = ok && sql.Run("INSERT INTO acct VALUES(?, ?)", {i, kOpeningBalance}) == SQLITE_OK;
  }
  for (int i = 0; i < kRegisters; i++) {
    const std::string name = "r" + std::to_string(i);
    ok = ok && sql.Execute("CREATE TABLE " + name + "(id INTEGER PRIMARY KEY, v INTEGER, tx INTEGER)") == SQLITE_OK;
    ok = ok && sql.Execute("INSERT INTO " + name + " VALUES(1, 0, 0)") == SQLITE_OK;
  }
  for (int64_t i = 0; i < kPads; i++) {
    ok = ok && sql.Run("INSERT INTO pad VALUES(?, ?, ?)", {i, 0, {PadSize(0, i), PadByte(0)}}) == SQLITE_OK;
  }
  return ok;
}

int ReadOrder(Sql& sql, std::vector<Tx>* order) {
  bool gap = false;
  const int rc = sql.Run("SELECT n, tx FROM list ORDER BY n", {}, [&](sqlite3_stmt* row) {
    gap = gap || sqlite3_column_int64(row, 0) != static_cast<int64_t>(order->size() + 1);
    order->push_back(sqlite3_column_int64(row, 1));
  });
  return rc == SQLITE_OK && gap ? SQLITE_CORRUPT : rc;
}

int ReadRegister(Sql& sql, int item, Version* version) {
  return sql.Run(kReadRegister[static_cast<size_t>(item)], {}, [&](sqlite3_stmt* row) {
    version->number = sqlite3_column_int64(row, 0);
    version->tx = sqlite3_column_int64(row, 1);
  });
}

int ReadAll(Sql& sql, Seen* seen) {
  Model model;
  seen->reads.clear();
  int64_t count = 0;
  bool strange = false;
  int rc = sql.Run("SELECT n, tx FROM head", {}, [&](sqlite3_stmt* row) {
    seen->position = sqlite3_column_int64(row, 0);
    seen->tx = sqlite3_column_int64(row, 1);
  });
  if (rc == SQLITE_OK) {
    rc = sql.Run("SELECT id, bal FROM acct", {}, [&](sqlite3_stmt* row) {
      model.balances[static_cast<size_t>(sqlite3_column_int64(row, 0)) % kAccounts] = sqlite3_column_int64(row, 1);
    });
  }
  if (rc == SQLITE_OK) {
    rc = sql.Run("SELECT id, tx, fill FROM pad", {}, [&](sqlite3_stmt* row) {
      const int64_t id = sqlite3_column_int64(row, 0);
      const Tx tx = sqlite3_column_int64(row, 1);
      const auto* const fill = static_cast<const uint8_t*>(sqlite3_column_blob(row, 2));
      const auto size = static_cast<size_t>(sqlite3_column_bytes(row, 2));
      model.pads[static_cast<size_t>(id) % kPads] = tx;
      strange = strange || size != PadSize(tx, id) ||
                !std::all_of(fill, fill + size, [&](uint8_t b) { return b == PadByte(tx); });
    });
  }
  if (rc == SQLITE_OK) {
    rc = sql.Run("SELECT substr(name, 2) FROM sqlite_schema WHERE name LIKE 'x%'", {},
                 [&](sqlite3_stmt* row) { model.tables.insert(sqlite3_column_int64(row, 0)); });
  }
  if (rc == SQLITE_OK) {
    rc = sql.Run("SELECT count(*), max(n) FROM list", {}, [&](sqlite3_stmt* row) {
      count = sqlite3_column_int64(row, 0);
      strange = strange || count != sqlite3_column_int64(row, 1);
    });
  }
  for (int item = 0; item < kRegisters && rc == SQLITE_OK; item++) {
    Version version;
    rc = ReadRegister(sql, item, &version);
    seen->reads.push_back({item, version});
  }
  if (rc != SQLITE_OK) return rc;
  seen->reads.push_back({kHead, {seen->position, seen->tx}});
  seen->whole = true;
  seen->digest = model.Digest();
  return strange || count != seen->position ? SQLITE_CORRUPT : SQLITE_OK;
}

void Client::Pause(Random& random, Time longest) {
  if (!process_->dead()) Scheduler::Get().Sleep(random.Magnitude(20 * kMicrosecond, longest));
}

void Client::Failed(int rc, const char* where) {
  if (process_->dead()) return;
  if ((rc & 0xff) == SQLITE_BUSY) {
    counts_.conflicts++;
    return;
  }
  counts_.errors++;
  const std::string what = "client " + std::to_string(number_) + " got " + std::to_string(rc) + " at " + where + ": " +
                           (sql_ && sql_->get() != nullptr ? sqlite3_errmsg(sql_->get()) : "") + "; " + LastError();
  process_->world->Say("%s", what.c_str());
  // A transaction may read back what it wrote ahead and the kernel has dropped since; its commit will be refused.
  const bool excused = process_->host->has_lost_writes && sql_ != nullptr && sql_->in_transaction();
  if (IsDamage(rc) && !excused) checker_.Fail(what);
}

bool Client::Open() {
  sql_ = std::make_unique<Sql>();
  const std::string name = "file:" + PathOf(*process_, "/db") + "?vfs=" + VfsOf(*process_) +
                           "&timeout=3&wal_autocheckpoint=" + std::to_string(process_->world->autocheckpoint);
  const int flags = read_only_ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  int rc = sql_->Open(name, nullptr, flags);
  if (rc == SQLITE_OK) rc = sql_->Execute("PRAGMA cache_size=12; PRAGMA temp_store=MEMORY");
  if (rc == SQLITE_OK && number_ % 2 == 0) sqlite3_busy_timeout(sql_->get(), 300);
  if (rc == SQLITE_OK) return true;
  Failed(rc, "opening");
  sql_.reset();
  return false;
}

bool Client::NeedsMore() const { return (checker_.commits < kFewCommits || NeedsFaults()) && extra_ < kMaxExtra; }

bool Client::NeedsFaults() const {
  const World& world = *World::Present();
  return world.faults_met < std::min<uint64_t>(kFewFaults, world.faults.size());
}

void Client::Run(Process& process) {
  process_ = &process;
  Random random(Mix(static_cast<uint64_t>(number_), next_ + extra_));
  while (!process.dead() && !done()) {
    const bool listed = next_ < tasks_.size();
    const Task task = listed ? tasks_[next_] : Task{Work::kTransfer, random.Next(), false};
    listed ? next_++ : extra_++;
    if (!listed && NeedsFaults()) process.world->HastenFaults();
    if (!listed) Pause(random, kLongestExtraPause);
    if (!task.masked) RunTask(task, random);
  }
  sql_.reset();
}

void Client::RunTask(const Task& task, Random& random) {
  for (int i = 0; i < kMaxAttempts && !process_->dead(); i++) {
    Pause(random, kLongestThought);
    if (sql_ || Open()) break;
  }
  if (!sql_ || process_->dead()) return;
  const Time begun = Scheduler::Get().now();
  const Time disturbed = process_->disturbed;
  Do(task);
  const Time took = Scheduler::Get().now() - begun - (process_->disturbed - disturbed);
  if (took > kLongestCall + (task.work == Work::kLongRead ? 10 * kLongestReadPause : 0) && !process_->dead()) {
    checker_.Fail("not bounded: a task took " + std::to_string(took / kSecond) + " s");
  }
  if (random.OneIn(process_->world->reopening)) sql_.reset();
}

void Client::Do(const Task& task) {
  switch (task.work) {
    case Work::kGlance:
      return Glance();
    case Work::kRead:
      return Read(Random(task.seed), kMillisecond);
    case Work::kLongRead:
      return Read(Random(task.seed), kLongestReadPause);
    case Work::kVacuum:
      return Run("VACUUM");
    case Work::kCheckpoint:
      return Run("PRAGMA wal_checkpoint");
    case Work::kDetach:
      return Detach();
    case Work::kCross:
      return Cross(task);
    default:
      return Write(task);
  }
}

int Client::Head(int64_t* position, Tx* tx) {
  return sql_->Run("SELECT n, tx FROM head", {}, [&](sqlite3_stmt* row) {
    *position = sqlite3_column_int64(row, 0);
    *tx = sqlite3_column_int64(row, 1);
  });
}

int64_t Client::Floor() const { return std::max(checker_.Floor(), newest_seen_); }

void Client::Saw(int64_t position, int64_t floor) {
  checker_.Fresh(position, floor, "client " + std::to_string(number_));
  newest_seen_ = std::max(newest_seen_, position);
}

void Client::Glance() {
  const int64_t floor = Floor();
  Seen seen;
  const int rc = Head(&seen.position, &seen.tx);
  if (process_->dead()) return;
  if (rc != SQLITE_OK) return Failed(rc, "a glance");
  counts_.reads++;
  Saw(seen.position, floor);
  checker_.Add(seen);
}

void Client::Read(Random random, Time longest_pause) {
  const int64_t floor = Floor();
  const Floors floors = checker_.floors();
  Seen first;
  Seen seen;
  int rc = sql_->Run("BEGIN");
  if (rc == SQLITE_OK) rc = Head(&first.position, &first.tx);
  for (int i = 0; i < 2 && rc == SQLITE_OK && !process_->dead(); i++) {
    Pause(random, longest_pause);
    rc = ReadAll(*sql_, &seen);
    if (rc == SQLITE_OK && !process_->dead() && (seen.position != first.position || seen.tx != first.tx)) {
      checker_.Fail("not serial: a read transaction saw two states");
    }
  }
  if (rc == SQLITE_OK) rc = sql_->Run("COMMIT");
  if (rc != SQLITE_OK) {
    Failed(rc, "a read");
    if (sql_->in_transaction()) (void)sql_->Run("ROLLBACK");
    return;
  }
  if (process_->dead()) return;
  counts_.reads++;
  Saw(seen.position, floor);
  checker_.Fresh(seen.reads, floors, "client " + std::to_string(number_));
  checker_.Add(seen);
}

int Client::Begin(const Task& task, Random& random) {
  if (task.work != Work::kLateWrite) return sql_->Run("BEGIN IMMEDIATE");
  int rc = sql_->Run("BEGIN");
  int64_t position = 0;
  Tx tx = 0;
  if (rc == SQLITE_OK) rc = Head(&position, &tx);
  Pause(random, kSecond);
  return rc;
}

int Client::Transfer(Random& random, Written* written) {
  const auto from = static_cast<int64_t>(random.Below(kAccounts));
  const auto to = static_cast<int64_t>((static_cast<uint64_t>(from) + 1 + random.Below(kAccounts - 1)) % kAccounts);
  const auto amount = static_cast<int64_t>(random.Between(1, 100));
  int rc = SQLITE_OK;
  for (const auto& [account, delta] : {std::pair(from, -amount), std::pair(to, amount)}) {
    int64_t balance = 0;
    if (rc == SQLITE_OK) {
      rc = sql_->Run("SELECT bal FROM acct WHERE id = ?", {account},
                     [&](sqlite3_stmt* row) { balance = sqlite3_column_int64(row, 0); });
    }
    if (rc == SQLITE_OK) rc = sql_->Run("UPDATE acct SET bal = ? WHERE id = ?", {balance + delta, account});
    written->changes.push_back({Change::Kind::kBalance, account, delta});
  }
  return rc;
}

int Client::Pads(Random& random, size_t count, Written* written) {
  int rc = SQLITE_OK;
  for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
    const auto pad = static_cast<int64_t>(count >= kPads ? i % kPads : random.Below(kPads));
    rc = sql_->Run("UPDATE pad SET tx = ?, fill = ? WHERE id = ?",
                   {written->tx, {PadSize(written->tx, pad), PadByte(written->tx)}, pad});
    written->changes.push_back({Change::Kind::kPad, pad, 0});
  }
  return rc;
}

int Client::Tables(Random& random, Written* written) {
  int64_t table = 0;
  int rc = sql_->Run("SELECT substr(name, 2) FROM sqlite_schema WHERE name LIKE 'x%' LIMIT 1", {},
                     [&](sqlite3_stmt* row) { table = sqlite3_column_int64(row, 0); });
  if (rc != SQLITE_OK) return rc;
  if (table != 0 && random.OneIn(2)) {
    written->changes.push_back({Change::Kind::kDropTable, table, 0});
    return sql_->Execute("DROP TABLE x" + std::to_string(table));
  }
  written->changes.push_back({Change::Kind::kCreateTable, written->tx, 0});
  return sql_->Execute("CREATE TABLE x" + std::to_string(written->tx) + "(a, b)");
}

// What the transaction is about, before it takes its place in the order.
int Client::Body(const Task& task, Random& random, Written* written) {
  switch (task.work) {
    case Work::kPads:
      return Pads(random, 1 + random.Below(4), written);
    case Work::kMany:
    case Work::kRollback:
      return Pads(random, size_t{2} * kPads, written);
    case Work::kTables:
      return Tables(random, written);
    case Work::kSavepoint: {
      Written undone = *written;
      int rc = sql_->Run("SAVEPOINT s");
      if (rc == SQLITE_OK) rc = Pads(random, size_t{2} * kPads, &undone);
      if (rc == SQLITE_OK) rc = sql_->Run("ROLLBACK TO s");
      return rc == SQLITE_OK ? Transfer(random, written) : rc;
    }
    default:
      return Transfer(random, written);
  }
}

Client::Circumstances Client::Present() const {
  return {Scheduler::Get().now(), process_->disturbed, process_->world->server.Resolve("/db-wal")};
}

// "It is not known whether the transaction counts" needs a reason: files that could not be reached, a process that
// stood still, or a log that is gone.
void Client::Excuse(const Circumstances& begun) {
  const bool troubled = process_->world->troubled_until >= begun.time || process_->disturbed != begun.disturbed;
  const bool is_gone = begun.log != 0 && process_->world->server.Resolve("/db-wal") != begun.log;
  if (troubled || is_gone || process_->dead()) return;
  checker_.Fail("not truthful: client " + std::to_string(number_) + " is told that nothing is known: " + LastError());
}

void Client::Write(const Task& task) {
  Random random(task.seed);
  const Circumstances begun = Present();
  const int64_t floor = Floor();
  Written written;
  written.tx = number_ * kTxPerClient + ++transactions_;
  Tx predecessor = 0;
  int64_t position = 0;
  int rc = Begin(task, random);
  if (rc == SQLITE_OK) rc = Head(&position, &predecessor);
  const bool began = rc == SQLITE_OK && !process_->dead();
  if (began) Saw(position, floor);
  if (began) written.reads.push_back({kHead, {position, predecessor}});
  if (began) written.writes.push_back(kHead);
  if (rc == SQLITE_OK) rc = Body(task, random, &written);
  if (rc == SQLITE_OK) rc = sql_->Run("INSERT INTO list VALUES(?, ?)", {position + 1, written.tx});
  if (rc == SQLITE_OK) rc = sql_->Run("UPDATE head SET n = ?, tx = ?", {position + 1, written.tx});
  if (rc == SQLITE_OK && random.OneIn(4)) Pause(random, kSecond);
  if (rc == SQLITE_OK && task.work == Work::kRollback) {
    rc = sql_->Run("ROLLBACK");
  } else if (rc == SQLITE_OK) {
    written.position = position + 1;
    rc = Commit(begun, &written);
  }
  if (rc != SQLITE_OK) Failed(rc, "a write");
  if (sql_->in_transaction()) (void)sql_->Run("ROLLBACK");
  if (process_->dead() && written.commit_tried) written.outcome = Written::Outcome::kUnknown;
  checker_.Add(std::move(written));
}

int Client::Commit(const Circumstances& begun, Written* written) {
  written->commit_tried = true;
  const int rc = sql_->Run("COMMIT");
  if (rc == SQLITE_OK) written->outcome = Written::Outcome::kAcknowledged;
  if (rc == SQLITE_IOERR_FSYNC) written->outcome = Written::Outcome::kUnknown;
  if (rc == SQLITE_IOERR_FSYNC) Excuse(begun);
  return rc;
}

int Client::CrossRead(const std::vector<int>& items, std::vector<Access>* reads) {
  for (const int item : items) {
    Version version;
    const int rc = item == kHead ? Head(&version.number, &version.tx) : ReadRegister(*sql_, item, &version);
    if (rc != SQLITE_OK) return rc;
    if (!process_->dead()) reads->push_back({item, version});
  }
  return SQLITE_OK;
}

// Reads in a transaction of its own: SQLite may keep in its cache what the next one then does not ask for.
void Client::LookAhead(const std::vector<int>& items) {
  const Floors floors = checker_.floors();
  Seen seen;
  seen.position = -1;
  int rc = sql_->Run("BEGIN");
  if (rc == SQLITE_OK) rc = CrossRead(items, &seen.reads);
  if (rc == SQLITE_OK) rc = sql_->Run("COMMIT");
  if (rc != SQLITE_OK) Failed(rc, "a look ahead");
  if (sql_->in_transaction()) (void)sql_->Run("ROLLBACK");
  if (rc != SQLITE_OK || process_->dead()) return;
  checker_.Fresh(seen.reads, floors, "client " + std::to_string(number_));
  checker_.Add(seen);
}

// Writes one or two registers, each with the next version.
int Client::CrossBody(Random& random, Written* written) {
  const auto first = static_cast<int>(random.Below(kRegisters));
  int rc = SQLITE_OK;
  for (int i = 0; i < (random.OneIn(3) ? 2 : 1) && rc == SQLITE_OK; i++) {
    const int item = (first + i) % kRegisters;
    const auto is_read = [&](const Access& access) { return access.item == item; };
    auto read = std::find_if(written->reads.begin(), written->reads.end(), is_read);
    if (read == written->reads.end()) {
      rc = CrossRead({item}, &written->reads);
      read = std::find_if(written->reads.begin(), written->reads.end(), is_read);
    }
    if (rc == SQLITE_OK && read == written->reads.end()) rc = SQLITE_ABORT;  // the process is dead
    if (rc == SQLITE_OK) {
      written->writes.push_back(item);
      rc = sql_->Run(kWriteRegister[static_cast<size_t>(item)], {read->version.number + 1, written->tx});
    }
  }
  return rc;
}

void Client::Cross(const Task& task) {
  Random random(task.seed);
  std::vector<int> items;
  for (int item = 0; item < kItems; item++) {
    if (random.OneIn(item == kHead ? 8 : 3)) items.push_back(item);
  }
  if (random.OneIn(2)) LookAhead(items);
  if (process_->dead()) return;
  const Circumstances begun = Present();
  const Floors floors = checker_.floors();
  Written written;
  written.tx = number_ * kTxPerClient + ++transactions_;
  written.takes_place = false;
  int rc = sql_->Run("BEGIN");
  if (rc == SQLITE_OK) rc = CrossRead(items, &written.reads);
  const uint64_t commits = checker_.commits;
  Pause(random, kSecond);
  const bool overtaken = checker_.commits != commits && !written.reads.empty();
  if (rc == SQLITE_OK) rc = CrossBody(random, &written);
  if (rc == SQLITE_OK && overtaken) counts_.upgrades++;
  if (rc == SQLITE_OK && random.OneIn(4)) Pause(random, kSecond);
  if (rc == SQLITE_OK) rc = random.OneIn(8) ? sql_->Run("ROLLBACK") : Commit(begun, &written);
  if (rc != SQLITE_OK) Failed(rc, "a write across");
  if (sql_->in_transaction()) (void)sql_->Run("ROLLBACK");
  if (process_->dead() && written.commit_tried) written.outcome = Written::Outcome::kUnknown;
  if (!process_->dead()) checker_.Fresh(written.reads, floors, "client " + std::to_string(number_));
  checker_.Add(std::move(written));
}

void Client::Run(const char* statement) {
  const int rc = sql_->Run(statement);
  if (rc != SQLITE_OK) Failed(rc, statement);
}

// As the command does, from a process of its own.
void Client::Detach() {
  sql_.reset();
  const Result<DetachReport> report =
      DetachDatabase(EnvironmentOf(*process_), PathOf(*process_, "/db"), std::chrono::seconds(3), {});
  if (process_->dead()) return;
  if (report.ok()) {
    counts_.detaches++;
  } else {
    process_->world->Say("client %d: detach: %s", number_, report.status().message().c_str());
  }
}

// What the engine's message asks for: a host that was cut off while stock SQLite worked on the file for it left this.
void Client::MoveJournalAway() {
  FileServer& server = process_->world->server;
  if (server.Resolve("/db-wal") == 0 || server.Resolve("/db-journal") == 0) return;
  process_->world->Say("somebody moves the journal away");
  (void)server.Rename(kRoot, "db-journal", kRoot, "db-journal.moved");
}

bool Client::ProveAlive(Process& process) {
  process_ = &process;
  MoveJournalAway();
  const uint64_t wanted = std::max(checker_.commits + 1, kFewCommits);
  Random random(static_cast<uint64_t>(number_));
  for (int i = 0; i < kMaxFinalAttempts && checker_.commits < wanted; i++) {
    if (sql_ || Open()) Write({Work::kTransfer, random.Next(), false});
    Scheduler::Get().Sleep(kSecond);
  }
  sql_.reset();
  return checker_.commits >= wanted;
}

}  // namespace sqlite_efs::sim
