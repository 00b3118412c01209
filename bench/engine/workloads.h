#ifndef SQLITE_EFS_BENCH_ENGINE_WORKLOADS_H_
#define SQLITE_EFS_BENCH_ENGINE_WORKLOADS_H_

#include <functional>
#include <string>
#include <vector>

#include "place.h"

namespace sqlite_efs::bench {

// Runs of one number do the same, whatever the engine.
struct Operation {
  std::function<int64_t()> run;         // returns what it has read, summed up
  std::function<void()> clean_up = {};  // after each run; not measured
};

struct Workload {
  std::string name;
  int times;  // in a row, for one figure
  // `original` is the database that MakeOriginal() made. The place outlives the operation.
  std::function<Operation(const Place& place, const std::string& original)> prepare;
  bool also_with_kept_lease = false;
};

const std::vector<Workload>& Workloads();

// Much of SQL, one after the other, in a new database; a sum over what is there at the end.
int64_t Mix(Connection& connection);

}  // namespace sqlite_efs::bench

#endif  // SQLITE_EFS_BENCH_ENGINE_WORKLOADS_H_
