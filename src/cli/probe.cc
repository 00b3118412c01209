#include "probe/probe.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "cli/commands.h"
#include "os/interrupts.h"

namespace sqlite_efs::cli {
namespace {

constexpr char kSummary[] = "Tells whether a file system behaves as the engine needs it";
constexpr char kDetails[] =
    "Asks the file system of a directory two dozen questions, in a folder of its own that it makes there and removes: "
    "do looks show what others have changed, does of many links to one name one succeed, do locks keep others out, and "
    "so on. Each is answered in this process, between it and a second process, and, if there is one, between this host "
    "and a second one, with what was measured. It says what the file system is, which mount options matter, and what "
    "cannot be tested from outside. It takes some seconds, and 2 MiB.\n\nWith a second host: run `sqlite-efs probe DIR "
    "--wait 60` on one, and within that minute `sqlite-efs probe DIR --peer` on the other; in any order, as the user "
    "whose programs will write. Both must see the same directory, by whatever path. Both end by themselves.\n\n"
    "Exit code 0: it fits. 3: it does not, and the answers NO say why. 1: it could not be checked, or something "
    "could not be told, or with --wait no second host has come.";

constexpr double kLongestWait_s = 3600;
constexpr double kPeerWait_s = 60;

struct Options {
  std::string directory;
  bool peer = false;
  double wait_s = -1;  // not given
};

ExitCode ExitCodeOfProbe(probe::Outcome outcome) {
  switch (outcome) {
    case probe::Outcome::kFits:
      return ExitCode::kDone;
    case probe::Outcome::kDoesNotFit:
      return ExitCode::kDamaged;
    case probe::Outcome::kCouldNotTell:
      return ExitCode::kFailed;
  }
  return ExitCode::kFailed;
}

ExitCode Probe(const Context& context, const Options& options) {
  std::error_code error;
  const std::filesystem::path resolved = std::filesystem::canonical(options.directory, error);
  const double wait_s = options.wait_s >= 0 ? options.wait_s : options.peer ? kPeerWait_s : 0;
  const probe::ProbeOptions what = {error ? options.directory : resolved.string(), ToDuration(wait_s)};
  const Interrupts interrupts;  // goes last: everything is removed before a signal ends the process
  if (options.peer) return context.Fail(probe::RunPeer(PosixFileSystem(), SystemClock(), what, context.out));
  const Result<probe::Outcome> outcome = probe::RunProbe(PosixFileSystem(), SystemClock(), what, context.out);
  return outcome.ok() ? ExitCodeOfProbe(*outcome) : context.Fail(outcome.status());
}

}  // namespace

void AddProbe(CLI::App& app, Context& context) {
  CLI::App* const command = AddCommand(app, "probe", kSummary, kDetails);
  const auto options = std::make_shared<Options>();
  command->add_option("DIR", options->directory, "A directory of the file system that is asked about")->required();
  command->add_flag("--peer", options->peer, "Be the second host of a probe that runs on another one");
  command->add_option("--wait", options->wait_s, "How long to wait for the other host, at most")
      ->option_text("SECONDS [0; with --peer 60]")
      ->check(CLI::Range(0.0, kLongestWait_s));
  command->callback([&context, options] { context.run = [&context, options] { return Probe(context, *options); }; });
}

}  // namespace sqlite_efs::cli
