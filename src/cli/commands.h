#ifndef SQLITE_EFS_CLI_COMMANDS_H_
#define SQLITE_EFS_CLI_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <ostream>
#include <string>

#include "base/status.h"
#include "cli/exit_code.h"
#include "os/clock.h"
#include "vfs/settings.h"

namespace sqlite_efs::cli {

// What the subcommands share while the command line is parsed and run.
struct Context {
  std::ostream& out;
  std::ostream& errors;
  std::string stock_vfs;               // the name of SQLite's own VFS
  std::function<ExitCode()> run = {};  // set by the subcommand that was named

  // Writes the sentence to `errors`; its exit code.
  ExitCode Fail(const Status& status) const;
  void Complain(const std::string& sentence) const;
};

// Each adds one subcommand with its options and its help. `context` must outlive the parser.
void AddAttach(CLI::App& app, Context& context);
void AddDetach(CLI::App& app, Context& context);
void AddCheckpoint(CLI::App& app, Context& context);
void AddStatus(CLI::App& app, Context& context);
void AddUnlock(CLI::App& app, Context& context);
void AddVerify(CLI::App& app, Context& context);
void AddBackup(CLI::App& app, Context& context);
void AddProbe(CLI::App& app, Context& context);

// --- what several of them need

// Adds a subcommand. `summary` is its line in the list of commands; its own help continues with `details`.
CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& summary, const std::string& details);
// The text with lines of a terminal's width; what begins with a space is left as it is.
std::string Wrapped(const std::string& text);

// Adds --timeout SECONDS.
void AddTimeout(CLI::App& command, double* seconds);
Duration ToDuration(double seconds);
inline constexpr double kDefaultTimeout_s = 5;

// Adds --former-name NAME.
void AddFormerName(CLI::App& command, std::string* name);
// kInvalid if a name was given, and `settings` have no table in which that lock could be.
Status CheckFormerName(const std::string& name, const Settings& settings);

// The file that is meant, without links in its path, as the engine sees it; a failure says what is wrong with it.
Result<std::string> ResolveDatabase(const std::string& path);

// What the environment says, for a command that is about to write to the database `path`. Where programs may not write
// for want of a lease that serves all who do, kReadOnly with their message.
Result<Settings> SettingsToWrite(const std::string& path);

// "3 pages", "1 page"
std::string Count(uint64_t count, const std::string& singular);
// "1.2 MiB"
std::string Size(uint64_t bytes);

}  // namespace sqlite_efs::cli

#endif  // SQLITE_EFS_CLI_COMMANDS_H_
