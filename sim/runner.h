#ifndef SQLITE_EFS_SIM_RUNNER_H_
#define SQLITE_EFS_SIM_RUNNER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sim/history.h"

namespace sqlite_efs::sim {

// What many histories amount to. No pointers: it lies in memory that processes share.
struct Totals {
  uint64_t histories = 0;
  uint64_t calls = 0;
  uint64_t commits = 0;
  uint64_t fewest_commits = UINT64_MAX;
  uint64_t fewest_faults = UINT64_MAX;
  uint64_t unknown = 0;
  uint64_t hosts = 0;
  uint64_t hash = 0;
  Counts counts;
  ClientCounts clients;

  void Add(const Report& report);
  void Add(const Totals& other);
};

struct Violation {
  uint64_t seed = 0;
  std::string what;
};

struct Verdicts {
  Totals totals;
  std::vector<Violation> violations;  // not all if there are many
};

// Runs `histories` seeds from `first` on in `jobs` child processes: a history that stops the program, as a failed
// assertion does, is a violation as well. `until_violation`: none begins when one was found.
Verdicts RunHistories(uint64_t first, uint64_t histories, int jobs, bool until_violation, const Options& options);

// What a plan's history violates, run in a child process; empty: nothing.
std::string Try(const Plan& plan, const Options& options);

// Leaves out of a failing plan whatever it fails without.
Plan Reduce(Plan plan, const Options& options);

// What a plan leaves out, as text and back: "f3,c2.5" is the fault 3 and the task 5 of client 2.
std::string FormatMasks(const Plan& plan);
bool ParseMasks(const std::string& text, Plan* plan);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_RUNNER_H_
