#ifndef SQLITE_EFS_PROBE_RACE_H_
#define SQLITE_EFS_PROBE_RACE_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "os/file_system.h"

namespace sqlite_efs::probe {

// Does the same to many names while somebody else does: the request `race KIND COUNT ORDER PREFIX MINE THEIRS`. It says
// that it is there by the file PREFIX.MINE, waits for PREFIX.THEIRS, and begins. ORDER: "up" takes the names PREFIX.1
// to PREFIX.COUNT, "down" the other way round, so that two meet in the middle. KIND:
//     link     links PREFIX.MINE to each name             which it could, as a text of 0 and 1 for names 1 to COUNT
//     create   creates each name                          the same
//     rename   renames each name to one of its own        the same
//     replace  puts a new file in the place of PREFIX.0, COUNT times, with the patterns of seeds 1 to COUNT
//     watch    opens and reads PREFIX.0 after a listing, until it has the last pattern: "READ MISSING MIXED REMOVED",
//              how often it was read, was not there, had no pattern as a whole, and was removed while it was open
// kUnavailable if the other one does not come, or not to its end, in a bounded time.
Result<std::string> Race(FileSystem& files, const std::string& folder, const std::vector<std::string>& words);

inline constexpr size_t kReplacedLength_bytes = 9000;  // of the files of "replace"

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_RACE_H_
