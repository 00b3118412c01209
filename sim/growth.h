#ifndef SQLITE_EFS_SIM_GROWTH_H_
#define SQLITE_EFS_SIM_GROWTH_H_

#include <cstdint>
#include <vector>

#include "sim/scheduler.h"

namespace sqlite_efs::sim {

// What operations of one kind took. Medians, and the slowest hundredth.
struct Cost {
  uint64_t operations = 0;
  uint64_t calls = 0;  // of the file system, one after another; a write and its sync are one
  Time median = 0;
  Time slowest = 0;
};

// So many machines, each with one process that reads once a second. None of them fails. The lease is in a service.
struct GrowthRow {
  int hosts = 0;
  Cost quiet_reads;  // nobody writes
  Cost reads;        // all machines together commit four times a second
  Cost commits;
  double lease_calls = 0;  // for each commit
  uint64_t refused = 0;    // "database is locked"
  bool lost = false;       // the database does not hold exactly what was committed
};

// Once PrepareHistories() was called.
GrowthRow MeasureGrowth(int hosts);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_GROWTH_H_
