#include <memory>

#include "cli/commands.h"
#include "os/file_system.h"
#include "store/base_file.h"
#include "store/layout.h"
#include "vfs/handover.h"
#include "vfs/ordinary.h"

namespace sqlite_efs::cli {
namespace {

constexpr char kSummary[] = "Makes an ordinary SQLite database live";
constexpr char kDetails[] =
    "What a crashed program left behind, a hot journal or a -wal file, is recovered first, by stock SQLite. Then the "
    "log directory <DB>-wal/ appears in one atomic step. No content changes and nothing is copied, so that it takes a "
    "moment whatever the size. From then on programs need the engine; stock SQLite is refused until `detach`.\n\nIt is "
    "refused (exit code 4) while another program has the file open. A crash at any instant leaves an ordinary database "
    "or a live one, with the same content. A database that is live already stays as it is (exit code 0).";

constexpr Duration kBusyPoll = std::chrono::milliseconds(50);

struct Options {
  std::string database;
  std::string former_name;
  double timeout_s = kDefaultTimeout_s;
};

Status CheckPermissions(FileSystem& files, const std::string& path) {
  for (const std::string& needed : {path, FolderOf(path)}) {
    if (files.MayWrite(needed)) continue;
    return Status::ReadOnly(path + " cannot be made live without permission to write to " + needed +
                            "; run the command as the owner of the database");
  }
  return {};
}

Status AttachPatiently(const Context& context, const std::string& path, const Settings& settings, Duration timeout) {
  const Instant deadline = SystemClock().Now() + timeout;
  Handover handover(SystemEnvironment(), settings, path);
  while (true) {
    Status status = handover.Attach(context.stock_vfs.c_str());
    if (!status.Is(StatusCode::kBusy) || SystemClock().Now() >= deadline) return status;
    SystemClock().Sleep(kBusyPoll);
  }
}

Status Attach(const Context& context, const Options& options) {
  FileSystem& files = PosixFileSystem();
  EFS_ASSIGN_OR_RETURN(const std::string path, ResolveDatabase(options.database));
  if (IsLive(files, path)) {
    EFS_RETURN_IF_ERROR(CheckNoJournal(files, path));
    context.out << path << " is live already\n";
    return {};
  }
  EFS_ASSIGN_OR_RETURN(Settings settings, SettingsToWrite(path));
  EFS_RETURN_IF_ERROR(CheckFormerName(options.former_name, settings));
  settings.lock_former_name = options.former_name;
  EFS_RETURN_IF_ERROR(CheckPermissions(files, path));
  EFS_RETURN_IF_ERROR(AttachPatiently(context, path, settings, ToDuration(options.timeout_s)));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<BaseFile> base, BaseFile::Open(files, path));
  EFS_ASSIGN_OR_RETURN(const uint32_t pages, base->PageCount());
  context.out << path << " is live now: " << Count(pages, "page") << " of " << base->page_size()
              << " bytes, its log in " << Layout(path).directory() << "/\n";
  return {};
}

}  // namespace

void AddAttach(CLI::App& app, Context& context) {
  CLI::App* const command = AddCommand(app, "attach", kSummary, kDetails);
  const auto options = std::make_shared<Options>();
  command->add_option("DB", options->database, "The database file")->required();
  AddTimeout(*command, &options->timeout_s);
  AddFormerName(*command, &options->former_name);
  command->callback(
      [&context, options] { context.run = [&context, options] { return context.Fail(Attach(context, *options)); }; });
}

}  // namespace sqlite_efs::cli
