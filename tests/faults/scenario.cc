#include "scenario.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "cli/cli.h"
#include "lease/embedded_lease_store.h"
#include "store/detach.h"
#include "vfs/errors.h"
#include "vfs/vfs.h"

namespace sqlite_efs::faults {
namespace {

using testing::SqliteDatabase;

constexpr size_t kSpill_bytes = size_t{24} << 10;
constexpr Duration kPatience = std::chrono::seconds(2);
constexpr Duration kShortestSleep = std::chrono::milliseconds(50);  // a busy machine's
constexpr int kAttempts = 2;

// Real time, and what was skipped instead of slept.
class SkippingClock final : public Clock {
 public:
  explicit SkippingClock(std::atomic<int64_t>& skipped_ns) : skipped_ns_(skipped_ns) {}
  Instant Now() override { return SystemClock().Now() + Duration(skipped_ns_.load()); }
  int64_t WallTime_ms() override { return SystemClock().WallTime_ms(); }
  void Sleep(Duration duration) override {
    if (duration > Duration::zero()) skipped_ns_ += std::max(duration, kShortestSleep).count();
  }
  bool Wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Duration timeout,
            const std::function<bool()>& ready) override {
    return SystemClock().Wait(changed, lock, timeout, ready);
  }

 private:
  std::atomic<int64_t>& skipped_ns_;
};

// Of this process, for ever.
const Environment& EnvironmentOf(const Scenario& scenario) {
  static SkippingClock clock(*scenario.skipped_ns);
  static const Environment environment = {
      PosixFileSystem(),
      clock,
      &NewThreadAlarm,
      [](const Layout& layout, const Layout& prepared, uint32_t permissions) -> std::unique_ptr<LeaseStore> {
        return std::make_unique<EmbeddedLeaseStore>(PosixFileSystem(), layout.lease(), permissions, prepared.lease());
      },
      kSpill_bytes,
      {}};
  static const int registered = RegisterVfs(environment, false);
  if (registered != SQLITE_OK) std::abort();
  return environment;
}

// Whoever reads a message must learn which file or folder it is about.
bool NamesFile(const Scenario& scenario, const std::string& message) {
  return message.find(scenario.database.substr(0, scenario.database.rfind('/'))) != std::string::npos;
}

// Every row is written twice, so that a large transaction writes pages again that it has spilled.
std::array<std::string, 3> StatementsOf(size_t number) {
  const std::string n = std::to_string(number);
  const auto& [rows, size] = kTransactions[number];
  return {"INSERT INTO done VALUES (" + n + ")",
          "WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < " + std::to_string(rows) +
              ") INSERT INTO t SELECT 100 * " + n + " + i, " + n + ", '" + std::string(static_cast<size_t>(size), '-') +
              "' FROM i",
          "UPDATE t SET data = '" + RowOf(number) + "' WHERE id / 100 = " + n};
}

// A program that uses the database through SQLite.
class Program {
 public:
  explicit Program(const Scenario& scenario, std::string who) : scenario_(scenario), who_(std::move(who)) {
    EnvironmentOf(scenario);
  }

  // A fault may hit the first attempt.
  bool Open(const std::string& parameters = "timeout=2") {
    for (int i = 0; i < kAttempts; i++) {
      LastError().clear();
      db_ = SqliteDatabase(testing::Uri(scenario_.database, parameters));
      if (db_.open_result() == SQLITE_OK && Exec("PRAGMA cache_size = 5") == SQLITE_OK) return true;
      if (db_.open_result() != SQLITE_OK) CheckError("open");
    }
    return false;
  }

  int Exec(const std::string& sql) {
    LastError().clear();
    const int rc = db_.Exec(sql);
    if (rc != SQLITE_OK) CheckError(sql.substr(0, 20));
    return rc;
  }

  void Read() {
    LastError().clear();
    if (ReadAndJudge(db_, scenario_.ledger, who_) != SQLITE_OK) CheckError("read");
  }

  // Begins a transaction and does all that it consists of.
  int Begin(size_t number) {
    int rc = Exec("BEGIN IMMEDIATE");
    for (const std::string& sql : StatementsOf(number)) {
      if (rc == SQLITE_OK) rc = Exec(sql);
    }
    return rc;
  }

  bool Write(size_t number) {
    Answer& answer = scenario_.ledger->answers[number];
    answer = Answer::kRefused;  // until it is asked to commit
    int rc = Begin(number);
    if (rc == SQLITE_OK) {
      answer = Answer::kUnknown;
      rc = Exec("COMMIT");
      if (rc != SQLITE_IOERR_FSYNC) answer = rc == SQLITE_OK ? Answer::kAcknowledged : Answer::kRefused;
    }
    if (db_.in_transaction()) Exec("ROLLBACK");
    return rc == SQLITE_OK;
  }

  void WriteAndRollBack(size_t number) {
    scenario_.ledger->answers[number] = Answer::kRefused;
    Begin(number);
    if (db_.in_transaction()) Exec("ROLLBACK");
  }

  void Complain(const std::string& what) const { scenario_.ledger->Complain(who_ + ": " + what + Error()); }

 private:
  std::string Error() const { return std::string(": ") + db_.message() + " (" + LastError() + ")"; }
  void CheckError(const std::string& what) const {
    if (!NamesFile(scenario_, LastError())) Complain(what + ": an error that names no file");
  }

  const Scenario& scenario_;
  const std::string who_;
  SqliteDatabase db_;
};

void Verify(const Scenario& scenario) {
  const std::array<const char*, 3> arguments = {"sqlite-efs", "verify", scenario.database.c_str()};
  std::ostringstream out;
  std::ostringstream errors;
  const int code = cli::Run(arguments.size(), arguments.data(), out, errors);
  if (code != 0) scenario.ledger->Complain("sqlite-efs verify: " + errors.str());
}

}  // namespace

void MakeDatabase(const std::string& path) {
  SqliteDatabase db(path, testing::kStockVfs);
  int rc = db.Exec(
      "PRAGMA page_size = 4096; CREATE TABLE t (id INTEGER PRIMARY KEY, number INTEGER, data TEXT);"
      "CREATE TABLE done (number INTEGER PRIMARY KEY)");
  for (const std::string& sql : StatementsOf(0)) rc = rc == SQLITE_OK ? db.Exec(sql) : rc;
  if (rc != SQLITE_OK) std::abort();
}

void Scenario::FirstWriter() const {
  Program program(*this, "the first writer");
  if (!program.Open()) return;
  program.Read();
  program.Write(1);
  program.Write(2);
  program.WriteAndRollBack(3);
  program.Write(4);
  Program reader(*this, "a reader in the first writer's process");
  if (reader.Open()) reader.Read();
  ledger->answers[5] = Answer::kRefused;
  program.Begin(5);
  (void)::raise(SIGKILL);
}

void Scenario::SecondWriter() const {
  Program program(*this, "the second writer");
  if (!program.Open()) return;
  program.Read();
  program.Write(6);
  program.Exec("PRAGMA wal_checkpoint");
  program.Read();
  program.Write(7);
  program.Exec("PRAGMA wal_checkpoint");
  program.Write(8);
  program.Read();
}

void Scenario::Detacher() const {
  const Result<DetachReport> report = DetachDatabase(EnvironmentOf(*this), database, kPatience, {});
  if (!report.ok() && !NamesFile(*this, report.status().message())) {
    ledger->Complain("detach: an error that names no file: " + report.status().message());
  }
}

void Scenario::Bystander() const {
  Program program(*this, "a bystander");
  if (!program.Open("timeout=0")) return;
  program.Read();
  program.Write(9);
  program.Read();
}

void Scenario::Checker() const {
  // An ordinary file with a hot journal is not for a command that changes nothing.
  if (std::filesystem::exists(database + "-wal")) Verify(*this);
  Program program(*this, "a fresh process");
  if (!program.Open()) return program.Complain("cannot open");
  program.Read();
  if (!program.Write(10)) program.Complain("cannot write");
  program.Read();
  Verify(*this);
}

void Scenario::LastOne() const {
  {
    Program program(*this, "the last process");
    if (!program.Open()) return program.Complain("cannot open");
    if (!program.Write(11)) program.Complain("cannot write");
  }
  const Result<DetachReport> report = DetachDatabase(EnvironmentOf(*this), database, kPatience, {});
  if (!report.ok()) ledger->Complain("detach: " + report.status().message());
  if (std::filesystem::exists(database + "-wal")) ledger->Complain("there is a log directory after the detach");
  SqliteDatabase stock(database, testing::kStockVfs);
  const std::string check = stock.Query("PRAGMA integrity_check");
  if (check != "ok") ledger->Complain("stock SQLite: " + check);
  if (ReadAndJudge(stock, ledger, "stock SQLite") != SQLITE_OK) ledger->Complain("stock SQLite cannot read it");
}

}  // namespace sqlite_efs::faults
