// efs-sim: runs the engine in simulated worlds, and says whether it kept its promises. docs/simulation.md
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "sim/growth.h"
#include "sim/history.h"
#include "sim/runner.h"

namespace sqlite_efs::sim {
namespace {

const std::map<std::string, Start> kStarts = {
    {"seed", Start::kBySeed}, {"live", Start::kLive}, {"ordinary", Start::kOrdinary}, {"new", Start::kNew}};

struct Arguments {
  uint64_t seed = 1;
  uint64_t histories = 1000;
  int jobs = 1;
  std::vector<std::string> faults = {"all"};
  std::string without;
  std::string start = "seed";
  bool growth = false;
  bool trace = false;
  bool until_violation = false;
  Options options;
};

bool ChooseFaults(const std::vector<std::string>& names, FaultKinds* kinds) {
  for (const std::string& name : names) {
    bool known = name == "all" || name == "none";
    if (name == "all") kinds->fill(true);
    for (size_t i = 0; i < kFaultKinds; i++) {
      if (name != NameOf(static_cast<FaultKind>(i))) continue;
      (*kinds)[i] = known = true;
    }
    if (known) continue;
    std::fprintf(stderr, "efs-sim: there is no fault \"%s\"; they are: all none", name.c_str());
    for (size_t i = 0; i < kFaultKinds; i++) std::fprintf(stderr, " %s", NameOf(static_cast<FaultKind>(i)));
    std::fprintf(stderr, "\n");
    return false;
  }
  return true;
}

void Row(const char* name, uint64_t value) {
  std::printf("  %-18s %12llu\n", name, static_cast<unsigned long long>(value));
}

void PrintTable(const Totals& totals, double seconds, int jobs) {
  const uint64_t histories = std::max<uint64_t>(totals.histories, 1);
  Row("histories", totals.histories);
  std::printf("  %-18s %12.0f  (%.0f for each of %d jobs)\n", "histories/s", static_cast<double>(histories) / seconds,
              static_cast<double>(histories) / seconds / jobs, jobs);
  Row("hosts", totals.hosts);
  Row("calls", totals.calls);
  Row("commits", totals.commits);
  Row("  fewest", totals.fewest_commits);
  Row("reads", totals.clients.reads);
  Row("upgrades", totals.clients.upgrades);
  Row("conflicts, busy", totals.clients.conflicts);
  Row("refusals", totals.clients.errors);
  Row("unknown outcomes", totals.unknown);
  Row("takeovers", totals.counts.takeovers);
  Row("seals", totals.counts.seals);
  Row("claims", totals.counts.claims);
  Row("merges", totals.counts.merges);
  Row("detaches", totals.clients.detaches);
  uint64_t faults = 0;
  for (const uint64_t count : totals.counts.faults) faults += count;
  Row("faults", faults);
  Row("  fewest", totals.fewest_faults);
  for (size_t i = 0; i < kFaultKinds; i++) {
    if (totals.counts.faults[i] != 0) {
      Row(("  " + std::string(NameOf(static_cast<FaultKind>(i)))).c_str(), totals.counts.faults[i]);
    }
  }
  std::printf("  %-18s %016llx\n", "trace hash", static_cast<unsigned long long>(totals.hash));
}

std::string Command(const Arguments& arguments, const Plan& plan) {
  std::string command = "efs-sim --seed " + std::to_string(plan.seed) + " --trace";
  if (arguments.options.hosts != 0) command += " --hosts " + std::to_string(arguments.options.hosts);
  if (arguments.start != "seed") command += " --start " + arguments.start;
  if (arguments.options.detaches != 0) command += " --detaches " + std::to_string(arguments.options.detaches);
  std::string faults;
  for (const std::string& name : arguments.faults) faults += (faults.empty() ? "" : ",") + name;
  if (faults != "all") command += " --faults " + faults;
  const std::string masks = FormatMasks(plan);
  return masks.empty() ? command : command + " --without " + masks;
}

int Trace(const Arguments& arguments) {
  Plan plan;
  plan.seed = arguments.seed;
  plan.tracing = true;
  if (!ParseMasks(arguments.without, &plan)) {
    std::fprintf(stderr, "efs-sim: --without is not of the form f3,c2.5\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  const Report report = RunHistory(plan, arguments.options);
  Totals totals;
  totals.Add(report);
  std::printf("trace hash %016llx\n", static_cast<unsigned long long>(totals.hash));
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(plan.seed),
              report.violation.empty() ? "no violation" : report.violation.c_str());
  return report.violation.empty() ? 0 : 1;
}

int Judge(const Arguments& arguments) {
  const auto begun = std::chrono::steady_clock::now();
  const Verdicts verdicts =
      RunHistories(arguments.seed, arguments.histories, arguments.jobs, arguments.until_violation, arguments.options);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  PrintTable(verdicts.totals, took.count(), arguments.jobs);
  if (verdicts.violations.empty()) {
    std::printf("no violation\n");
    return 0;
  }
  for (const Violation& violation : verdicts.violations) {
    std::printf("VIOLATION, seed %llu: %s\n", static_cast<unsigned long long>(violation.seed), violation.what.c_str());
  }
  Plan plan;
  plan.seed = verdicts.violations.front().seed;
  std::printf("replay with: %s\n", Command(arguments, plan).c_str());
  if (arguments.until_violation) return 1;
  const Plan reduced = Reduce(plan, arguments.options);
  std::printf("reduced (%s): %s\n", Try(reduced, arguments.options).c_str(), Command(arguments, reduced).c_str());
  return 1;
}

// Calls and waits by the number of machines; the numbers do not depend on the machine that this runs on.
int PrintGrowth() {
  constexpr double kMs = kMillisecond;
  std::printf("        SELECT, nobody writes          SELECT                 commit of one UPDATE\n");
  std::printf("hosts   calls      ms         calls      ms slowest       calls  lease      ms slowest  refused\n");
  bool lost = false;
  for (const int hosts : {1, 2, 4, 8, 16, 32, 64, 128, 200}) {
    const GrowthRow row = MeasureGrowth(hosts);
    const uint64_t tried = row.commits.operations + row.refused;
    std::printf("%5d   %5" PRIu64 " %7.1f         ", hosts, row.quiet_reads.calls,
                double(row.quiet_reads.median) / kMs);
    std::printf("%5" PRIu64 " %7.1f %7.1f       ", row.reads.calls, double(row.reads.median) / kMs,
                double(row.reads.slowest) / kMs);
    std::printf("%5" PRIu64 "  %5.1f %7.1f %7.1f  %" PRIu64 " of %" PRIu64 "%s\n", row.commits.calls, row.lease_calls,
                double(row.commits.median) / kMs, double(row.commits.slowest) / kMs, row.refused, tried,
                row.lost ? "  LOST" : "");
    std::fflush(stdout);
    lost = lost || row.lost;
  }
  return lost ? 1 : 0;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{
      "Runs the storage engine, under real SQLite, on simulated machines with a simulated file server, and "
      "checks each history against what the engine promises. Exit code 1: a promise was broken."};
  app.add_option("--seed", arguments.seed, "The first history's seed")->capture_default_str();
  app.add_option("--histories", arguments.histories, "How many, each with the next seed")->capture_default_str();
  app.add_option("--hosts", arguments.options.hosts, "Machines; 1: with the embedded lease; 0: the seed decides")
      ->check(CLI::Range(0, 8))
      ->capture_default_str();
  app.add_option("--start", arguments.start, "What there is at first: new (an empty file), ordinary, live, or seed")
      ->check(CLI::IsMember(kStarts))
      ->capture_default_str();
  app.add_option("--detaches", arguments.options.detaches, "One task in so many is a detach; 0: the seed decides")
      ->capture_default_str();
  app.add_option("--faults", arguments.faults, "Which kinds may happen, or all, or none")->delimiter(',');
  app.add_option("--jobs", arguments.jobs, "Processes to run in")->check(CLI::Range(1, 256))->capture_default_str();
  app.add_option("--without", arguments.without, "With --trace: what to leave out, as a reduced history says");
  app.add_flag("--until-violation", arguments.until_violation,
               "Begins no further history once a promise was broken, and does not look for a smaller one");
  app.add_flag("--growth", arguments.growth,
               "Measures instead what operations take as there are more machines, up to 200, none of which fails");
  app.add_flag("--trace", arguments.trace, "Shows each call of the one history --seed");
  CLI11_PARSE(app, argc, argv);
  if (!ChooseFaults(arguments.faults, &arguments.options.kinds)) return 2;
  arguments.options.start = kStarts.at(arguments.start);
  PrepareHistories();
  if (arguments.growth) return PrintGrowth();
  return arguments.trace ? Trace(arguments) : Judge(arguments);
}

}  // namespace
}  // namespace sqlite_efs::sim

int main(int argc, char** argv) { return sqlite_efs::sim::Main(argc, argv); }
