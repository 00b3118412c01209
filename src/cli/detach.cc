#include "store/detach.h"

#include <memory>

#include "cli/commands.h"
#include "cli/progress_bar.h"
#include "lease/dynamodb_process.h"
#include "store/base_file.h"
#include "store/layout.h"
#include "vfs/ordinary.h"

namespace sqlite_efs::cli {
namespace {

constexpr char kSummary[] = "Makes a live database one ordinary file again";
constexpr char kDetails[] =
    "It holds the writer's lease, merges every committed page of the log into the file, and removes the log directory "
    "<DB>-wal/. Afterwards any SQLite can use the file; it is in rollback mode, whatever it was before.\n\nWriters "
    "wait meanwhile, and readers go on. Programs that have the database open are then told, in one sentence, that it "
    "was detached; a read transaction that is open sees its one state to its end, or fails as a busy one would. A "
    "crash at any instant leaves the database live and whole, or ordinary and whole; then run the command again. On a "
    "full disk it fails, and the database stays live and usable. Exit code 4: a writer did not finish in time. A "
    "database that is ordinary already stays as it is (exit code 0).";

constexpr Duration kLongestRemoval = std::chrono::seconds(5);

struct Options {
  std::string database;
  std::string former_name;
  double timeout_s = kDefaultTimeout_s;
};

// What is not live must at least be a database; an empty file is one too.
Status CheckOrdinary(FileSystem& files, const std::string& path) {
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, files.Stat(path));
  return file.size == 0 ? Status() : BaseFile::Open(files, path).status();
}

// Lets django-sqlite-efs 0.1 take its lock again.
Status RemoveFormerLock(const Context& context, const std::string& name, const Settings& settings) {
  if (name.empty()) return {};
  const Result<bool> removed = NewFormerLock(settings.lock_dynamodb_table, name)->Remove(kLongestRemoval);
  if (!removed.ok()) {
    return {removed.status().code(), "the database is ordinary, but django-sqlite-efs 0.1 is still kept out: " +
                                         removed.status().message() + "; run the command again"};
  }
  context.out << (*removed ? "django-sqlite-efs 0.1 may lock " : "django-sqlite-efs 0.1 was not kept out of ") << name
              << (*removed ? " again\n" : "\n");
  return {};
}

Status Detach(const Context& context, const Options& options) {
  FileSystem& files = PosixFileSystem();
  EFS_ASSIGN_OR_RETURN(const std::string path, ResolveDatabase(options.database));
  // Stock SQLite would play a journal back into the file as soon as that is ordinary.
  const bool is_live = IsLive(files, path);
  EFS_RETURN_IF_ERROR(is_live ? CheckNoJournal(files, path) : CheckOrdinary(files, path));
  EFS_ASSIGN_OR_RETURN(const Settings settings, is_live ? SettingsToWrite(path) : ParseSettings({}, &ReadEnvironment));
  EFS_RETURN_IF_ERROR(CheckFormerName(options.former_name, settings));
  Result<DetachReport> report = DetachReport{};
  {
    ProgressBar bar("merging");
    report =
        DetachDatabase(SystemEnvironment(), path, ToDuration(options.timeout_s), bar.AsProgress(), OptionsOf(settings));
  }
  if (!report.ok()) return report.status();
  if (!report->leftover.empty()) context.Complain("the database is ordinary, but " + report->leftover);
  if (report->was_live) {
    context.out << path << " is an ordinary database now: " << Count(report->pages_merged, "page") << " merged from "
                << Count(report->segments, "log segment") << ", " << Size(report->bytes) << "\n";
  } else {
    context.out << path << " is an ordinary database already\n";
  }
  return RemoveFormerLock(context, options.former_name, settings);
}

}  // namespace

void AddDetach(CLI::App& app, Context& context) {
  CLI::App* const command = AddCommand(app, "detach", kSummary, kDetails);
  const auto options = std::make_shared<Options>();
  command->add_option("DB", options->database, "The database file")->required();
  AddTimeout(*command, &options->timeout_s);
  AddFormerName(*command, &options->former_name);
  command->callback(
      [&context, options] { context.run = [&context, options] { return context.Fail(Detach(context, *options)); }; });
}

}  // namespace sqlite_efs::cli
