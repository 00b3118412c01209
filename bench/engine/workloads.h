#ifndef SQLITE_EFS_BENCH_ENGINE_WORKLOADS_H_
#define SQLITE_EFS_BENCH_ENGINE_WORKLOADS_H_

#include <functional>
#include <string>
#include <vector>

#include "place.h"

namespace sqlite_efs::bench {

// Does its work once. Runs of one number do the same, whatever the engine.
using Operation = std::function<void()>;

struct Workload {
  std::string name;
  int times;  // in a row, for one figure
  // `original` is the database that MakeOriginal() made. The place outlives the operation.
  std::function<Operation(const Place& place, const std::string& original)> prepare;
  bool also_with_kept_lease = false;
};

const std::vector<Workload>& Workloads();

// Much of SQL, one after the other, in a new database.
void Mix(Connection& connection);

}  // namespace sqlite_efs::bench

#endif  // SQLITE_EFS_BENCH_ENGINE_WORKLOADS_H_
