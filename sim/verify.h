#ifndef SQLITE_EFS_SIM_VERIFY_H_
#define SQLITE_EFS_SIM_VERIFY_H_

#include <string>

#include "sim/checker.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

// Both run on a thread of `process`, when nothing else happens any more. A failure is told to `checker`.

// Reads the database through the engine.
void JudgeByEngine(Process& process, Checker& checker);

// Recovers the files with stock SQLite, as docs/recovery.md says: each segment, cut to the frames that count, is the
// WAL of a copy of the base.
void JudgeByStock(Process& process, Checker& checker);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_VERIFY_H_
