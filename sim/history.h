#ifndef SQLITE_EFS_SIM_HISTORY_H_
#define SQLITE_EFS_SIM_HISTORY_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/client.h"
#include "sim/faults.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

enum class Start : uint8_t { kBySeed, kLive, kOrdinary, kNew };

// What may happen in histories, whatever the seed.
struct Options {
  int hosts = 0;  // 0: the seed decides; 1: processes of one machine, with the embedded lease
  Start start = Start::kBySeed;
  uint64_t detaches = 0;  // one task in so many is a detach; 0: the seed decides
  size_t least_faults = 4;
  size_t most_faults = 9;
  FaultKinds kinds = {};
};

// A history is decided by its seed, and by what is left out of it to find the part that matters.
struct Plan {
  uint64_t seed = 1;
  std::set<size_t> masked_faults;
  std::set<std::pair<size_t, size_t>> masked_tasks;  // client, task
  bool tracing = false;
};

struct Report {
  std::string violation;  // empty: none
  uint64_t hash = 0;      // of every call, its time and its outcome
  uint64_t hosts = 0;
  uint64_t calls = 0;
  uint64_t commits = 0;
  uint64_t unknown = 0;
  uint64_t faults = 0;  // that happened
  Counts counts;
  ClientCounts clients;
};

// How large a plan is, for whoever wants to make it smaller.
struct PlanSize {
  size_t faults = 0;
  std::vector<size_t> tasks;  // by client
};
PlanSize SizeOf(const Plan& plan, const Options& options);

// Once, before the first history.
void PrepareHistories();

// Puts the live database there that most histories begin with.
void CopyLiveDatabase(FileServer* server);

Report RunHistory(const Plan& plan, const Options& options);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_HISTORY_H_
