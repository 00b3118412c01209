#include "cli/cli.h"

#include <exception>
#include <memory>

#include "cli/commands.h"
#include "cli/sqlite_connection.h"
#include "store/environment.h"
#include "vfs/event_log.h"
#include "vfs/vfs.h"

namespace sqlite_efs::cli {
namespace {

constexpr char kDescription[] =
    "Looks after SQLite databases that many machines share on a network file system.\n\n"
    "A database is live when a log directory, <DB>-wal/, lies beside its file: then every commit goes to the log, and "
    "only programs that load the engine (sqlite_efs.so) can use the database. Stock SQLite is refused. An ordinary "
    "database is one file for any SQLite.";

constexpr char kFooter[] =
    "Exit codes:\n"
    "  0  done\n"
    "  1  failed; standard error says why, in one sentence with the file and the remedy. Nothing is lost\n"
    "  2  the command line is wrong\n"
    "  3  verify found damage; probe found that the file system does not fit\n"
    "  4  busy: somebody else uses the database; try again, or wait longer (--timeout)\n"
    "\n`sqlite-efs COMMAND --help` tells what a command does and what it promises.";

void Describe(CLI::App& app, Context& context) {
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("sqlite-efs ") + SQLITE_EFS_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  AddAttach(app, context);
  AddDetach(app, context);
  AddCheckpoint(app, context);
  AddStatus(app, context);
  AddUnlock(app, context);
  AddVerify(app, context);
  AddBackup(app, context);
  AddProbe(app, context);
}

// What is wrong with the command line, where CLI11 does not see it.
std::string Explain(const CLI::App& app, const std::string& complaint, const char* first_argument) {
  const bool unknown = app.get_subcommands().empty() && first_argument != nullptr && first_argument[0] != '-';
  return unknown ? std::string("there is no command ") + first_argument : complaint;
}

// The help's name of the subcommand that was given, for "see ... --help".
std::string NameOfGiven(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? "sqlite-efs" : "sqlite-efs " + given.front()->get_name();
}

Status RegisterEngine(Context& context) {
  sqlite3_vfs* const stock = sqlite3_vfs_find(nullptr);
  if (stock == nullptr) return Status::IoError("this SQLite library has no VFS; link to a complete one");
  context.stock_vfs = stock->zName;
  EFS_RETURN_IF_ERROR(OpenEventLogByEnvironment());
  if (RegisterVfs(SystemEnvironment(), /*make_default=*/false) == SQLITE_OK) return {};
  return Status::IoError("SQLite did not accept the engine; reinstall sqlite-efs and SQLite 3.37 or later");
}

ExitCode RunCommand(Context& context) {
  try {
    const Status registered = RegisterEngine(context);
    return registered.ok() ? context.run() : context.Fail(registered);
  } catch (const std::exception& e) {
    context.Complain(std::string("an unexpected error ended the command: ") + e.what() + "; try again, or report it");
    return ExitCode::kFailed;
  }
}

}  // namespace

int Run(int argc, const char* const* argv, std::ostream& out, std::ostream& errors) {
  CLI::App app(Wrapped(kDescription) + "\n", "sqlite-efs");
  Context context{out, errors, ""};
  Describe(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked, out, errors);
  } catch (const CLI::ParseError& wrong) {
    context.Complain(Explain(app, wrong.what(), argc > 1 ? argv[1] : nullptr) + "; see " + NameOfGiven(app) +
                     " --help");
    return static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(RunCommand(context));
}

}  // namespace sqlite_efs::cli
