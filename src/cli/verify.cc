#include "store/verify.h"

#include <memory>

#include "cli/commands.h"
#include "cli/progress_bar.h"
#include "cli/sqlite_connection.h"
#include "store/detach.h"
#include "vfs/ordinary.h"
#include "vfs/vfs.h"

namespace sqlite_efs::cli {
namespace {

constexpr char kSummary[] = "Checks a whole database, and changes nothing";
constexpr char kDetails[] =
    "Of a live database: the identity, the header of the file, and every frame that counts of every log segment: its "
    "checksum, which is chained to all frames before it, its salts, and that no frame is missing; then PRAGMA "
    "integrity_check through the engine. Of an ordinary database: integrity_check. It takes no lock; others may read "
    "and write meanwhile.\n\nExit code 3: there is damage, and standard error names each damaged segment and frame. A "
    "changed byte of a sealed segment is always found. In the last segment it is found up to the frames that its last "
    "writer released, or that later commits follow; behind them, an unfinished commit cannot be told from a damaged "
    "one. Pages of the file that are in no frame have no checksum: integrity_check sees their structure, not their "
    "content.";

struct Options {
  std::string database;
};

constexpr int kMaxAttempts = 10;

ExitCode Report(const Context& context, const std::vector<std::string>& damages) {
  for (const std::string& damage : damages) context.Complain(damage);
  return ExitCode::kDamaged;
}

// Damage of a kind that keeps SQLite from reading at all.
bool IsDamage(const Status& status) { return status.Is(StatusCode::kCorrupt) || status.Is(StatusCode::kNotDatabase); }

// A name by which stock SQLite reads the file alone, whatever lies beside it: https://www.sqlite.org/uri.html
std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool special = c == '%' || c == '?' || c == '#';
    uri += special ? (c == '%' ? "%25" : c == '?' ? "%3f" : "%23") : std::string(1, c);
  }
  return uri + "?immutable=1";
}

// PRAGMA integrity_check, through the engine or through stock SQLite.
ExitCode CheckPages(const Context& context, const std::string& path, const std::string& vfs, bool immutable = false) {
  std::string pages;
  const auto check = [&]() -> Result<std::vector<std::string>> {
    const std::string name = immutable ? ImmutableUri(path) : path;
    const int flags = SQLITE_OPEN_READONLY | (immutable ? SQLITE_OPEN_URI : 0);
    EFS_ASSIGN_OR_RETURN(SqliteConnection db, SqliteConnection::Open(name, vfs, flags));
    EFS_ASSIGN_OR_RETURN(pages, db.QueryOne("PRAGMA page_count"));
    return db.Query("PRAGMA integrity_check");
  };
  Result<std::vector<std::string>> rows = check();
  // The state that was checked may be merged away by those who write meanwhile.
  for (int i = 1; i < kMaxAttempts && rows.status().Is(StatusCode::kConflict); i++) rows = check();
  if (!rows.ok())
    return IsDamage(rows.status()) ? Report(context, {rows.status().message()}) : context.Fail(rows.status());
  if (rows->size() != 1 || rows->front() != "ok") {
    std::vector<std::string> damages;
    for (const std::string& row : *rows) damages.push_back(path + ": integrity_check: " + row);
    damages.push_back(path + " is damaged; restore it from a backup");
    return Report(context, damages);
  }
  context.out << "pages  " << Count(std::stoull(pages), "page") << ", integrity_check: ok\n";
  return ExitCode::kDone;
}

ExitCode VerifyLive(const Context& context, const std::string& path) {
  FileSystem& files = PosixFileSystem();
  const Status journal = CheckNoJournal(files, path);
  if (!journal.ok()) return Report(context, {journal.message()});
  Result<LogCheck> log = LogCheck{};
  bool merged = true;  // a segment, after it was listed
  for (int i = 0; i < kMaxAttempts && merged; i++) {
    ProgressBar bar("reading the log");
    log = CheckLog(files, Layout(path), bar.AsProgress());
    merged = log.status().Is(StatusCode::kNotFound) || log.status().Is(StatusCode::kStale);
  }
  if (!log.ok()) return context.Fail(log.status());
  if (!log->damages.empty()) return Report(context, log->damages);
  context.out << "log    " << Count(log->segments, "segment") << ", " << Count(log->frames, "frame")
              << ", every checksum right\n";
  return CheckPages(context, path, kVfsName);
}

// A detach was broken off when nothing but the removal of the log was left to do.
ExitCode VerifyDetached(const Context& context, const std::string& path) {
  context.out << "log    none: " << path << " was detached; whoever opens it next for writing removes what is left of "
              << Layout(path).directory() << "/\n";
  // Stock SQLite would take the directory for a WAL file that it cannot open.
  return CheckPages(context, path, context.stock_vfs, /*immutable=*/true);
}

ExitCode Verify(const Context& context, const Options& options) {
  const Result<std::string> path = ResolveDatabase(options.database);
  if (!path.ok()) return context.Fail(path.status());
  if (!IsLive(PosixFileSystem(), *path)) {
    context.out << "log    none: " << *path << " is an ordinary database\n";
    return CheckPages(context, *path, context.stock_vfs);
  }
  const Result<bool> detached = IsDetached(PosixFileSystem(), Layout(*path));
  if (!detached.ok()) return context.Fail(detached.status());
  return *detached ? VerifyDetached(context, *path) : VerifyLive(context, *path);
}

}  // namespace

void AddVerify(CLI::App& app, Context& context) {
  CLI::App* const command = AddCommand(app, "verify", kSummary, kDetails);
  const auto options = std::make_shared<Options>();
  command->add_option("DB", options->database, "The database file")->required();
  command->callback([&context, options] { context.run = [&context, options] { return Verify(context, *options); }; });
}

}  // namespace sqlite_efs::cli
