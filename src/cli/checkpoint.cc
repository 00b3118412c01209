#include <memory>

#include "cli/commands.h"
#include "cli/progress_bar.h"
#include "store/base_file.h"
#include "store/database.h"
#include "store/layout.h"

namespace sqlite_efs::cli {
namespace {

constexpr char kSummary[] = "Merges the log of a live database into its file; it stays live";
constexpr char kDetails[] =
    "It takes the writer's lease for a moment, so that all that is committed lies in finished log segments, copies "
    "their "
    "pages into the file, and removes them. Writers merge a little after each commit anyway; this command is for a log "
    "that has grown while they were told not to (wal_autocheckpoint=0), and for a copy of the file alone that is "
    "nearly "
    "up to date.\n\nWriters and readers go on meanwhile. A read transaction that began before may be told to begin "
    "anew "
    "(SQLITE_BUSY_SNAPSHOT). A crash at any instant loses nothing; the next merge goes on. Exit code 4: a writer, or "
    "another merge, did not finish in time. An ordinary database has no log: nothing is done (exit code 0).";

struct Options {
  std::string database;
  double timeout_s = kDefaultTimeout_s;
};

// What is not live must at least be a database; an empty file is one too.
Status CheckOrdinary(FileSystem& files, const std::string& path) {
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, files.Stat(path));
  return file.size == 0 ? Status() : BaseFile::Open(files, path).status();
}

Status CheckPermissions(FileSystem& files, const std::string& path) {
  for (const std::string& needed : {path, Layout(path).directory()}) {
    if (files.MayWrite(needed)) continue;
    return Status::ReadOnly(path + " cannot be merged into without permission to write to " + needed +
                            "; run the command as the owner of the database");
  }
  return {};
}

Status Checkpoint(const Context& context, const Options& options) {
  FileSystem& files = PosixFileSystem();
  EFS_ASSIGN_OR_RETURN(const std::string path, ResolveDatabase(options.database));
  if (!IsLive(files, path)) {
    EFS_RETURN_IF_ERROR(CheckOrdinary(files, path));
    context.out << path << " is an ordinary database: it has no log to merge\n";
    return {};
  }
  EFS_RETURN_IF_ERROR(CheckPermissions(files, path));
  EFS_ASSIGN_OR_RETURN(const Settings settings, SettingsToWrite(path));
  EFS_ASSIGN_OR_RETURN(const std::shared_ptr<Database> database,
                       Database::Open(SystemEnvironment(), path, OptionsOf(settings)));
  Result<CheckpointReport> report = CheckpointReport{};
  {
    ProgressBar bar("merging");
    report = database->Checkpoint(Database::NewOwner(), ToDuration(options.timeout_s), bar.AsProgress());
  }
  if (!report.ok()) return report.status();
  context.out << path << ": " << Count(report->pages, "page") << " merged from "
              << Count(report->segments, "log segment") << "\n";
  return {};
}

}  // namespace

void AddCheckpoint(CLI::App& app, Context& context) {
  CLI::App* const command = AddCommand(app, "checkpoint", kSummary, kDetails);
  const auto options = std::make_shared<Options>();
  command->add_option("DB", options->database, "The database file")->required();
  AddTimeout(*command, &options->timeout_s);
  command->callback([&context, options] {
    context.run = [&context, options] { return context.Fail(Checkpoint(context, *options)); };
  });
}

}  // namespace sqlite_efs::cli
