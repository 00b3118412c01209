#include <memory>

#include "cli/commands.h"
#include "cli/lease_view.h"
#include "lease/embedded_lease_store.h"
#include "os/file_system.h"
#include "store/base_file.h"
#include "store/layout.h"

namespace sqlite_efs::cli {
namespace {

constexpr char kSummary[] = "Ends the writer's lease of a holder that does not give it back";
constexpr char kDetails[] =
    "A lease in DynamoDB ends by itself when its holder is gone: after lock_expiration, 10 s unless set. This command "
    "is for not waiting, and for a holder that lives but is stuck. Without --force it says who holds the lease, and "
    "ends "
    "nothing (exit code 4).\n\nIt damages nothing. The next writer begins a new log segment, as after any holder that "
    "died. A transaction that the old holder had under way either counts, if it is committed before that, or is "
    "refused; its program is told which. Those who wait are served in their order.\n\nThe embedded lease is a lock of "
    "its holder's process and ends with it: there is nothing to end but the process.";

// A request may have to be repeated.
constexpr Duration kLongestEnding = std::chrono::seconds(5);

struct Options {
  std::string database;
  bool force = false;
};

Status EndEmbedded(const Context& context, const std::string& path, const LeaseView& view) {
  const Result<bool> locked = EmbeddedLeaseStore::IsLocked(PosixFileSystem(), Layout(path).lease());
  if (!locked.ok() || *locked) {
    return Status::Busy(path + " is being written by " + view.record->holder + ", since " +
                        TextOfTime(view.record->since_ms) +
                        "; its lease is a lock of that process, so there is nothing to end but the process");
  }
  context.out << path << ": nobody holds the lease; " << view.record->holder << " died with it\n";
  return {};
}

Status EndInTable(const Context& context, const std::string& path, const LeaseView& view, bool force) {
  if (!force) {
    return Status::Busy("the lease of " + path + " in " + view.store + " is " + LeaseText(view) +
                        "; --force ends it: a transaction that is under way then counts or is refused, and the next "
                        "writer begins a new segment");
  }
  EFS_ASSIGN_OR_RETURN(const bool ended, view.dynamodb->End(*view.item, kLongestEnding));
  context.out << path << ": " << (ended ? "ended the lease in " : "nothing was to be ended any more in ") << view.store
              << ", which was " << LeaseText(view) << "\n";
  return {};
}

Status Unlock(const Context& context, const Options& options) {
  EFS_ASSIGN_OR_RETURN(const std::string path, ResolveDatabase(options.database));
  if (!IsLive(PosixFileSystem(), path)) {
    EFS_ASSIGN_OR_RETURN(const FileAttributes file, PosixFileSystem().Stat(path));
    if (file.size > 0) EFS_RETURN_IF_ERROR(BaseFile::Open(PosixFileSystem(), path).status());
    context.out << path << " is an ordinary database: it has no lease\n";
    return {};
  }
  EFS_ASSIGN_OR_RETURN(const LeaseView view, LookAtLease(Layout(path)));
  EFS_RETURN_IF_ERROR(view.failure);
  if (!view.held()) {
    context.out << path << ": nobody holds the lease; it is " << LeaseText(view) << "\n";
    return {};
  }
  return view.dynamodb ? EndInTable(context, path, view, options.force) : EndEmbedded(context, path, view);
}

}  // namespace

void AddUnlock(CLI::App& app, Context& context) {
  CLI::App* const command = AddCommand(app, "unlock", kSummary, kDetails);
  const auto options = std::make_shared<Options>();
  command->add_option("DB", options->database, "The database file")->required();
  command->add_flag("--force", options->force, "End the lease, whoever holds it");
  command->callback(
      [&context, options] { context.run = [&context, options] { return context.Fail(Unlock(context, *options)); }; });
}

}  // namespace sqlite_efs::cli
