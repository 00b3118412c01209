#ifndef SQLITE_EFS_OS_READ_TOGETHER_H_
#define SQLITE_EFS_OS_READ_TOGETHER_H_

#include <span>

#include "os/file_system.h"

namespace sqlite_efs {

// Reads pieces of a file that was opened with O_DIRECT, all at once: io_submit(2), which waits for nothing there. What
// it could not read, or not in full, is told by `done` alone; the caller reads the rest. Thread-safe; while one thread
// reads so, others are left to the caller.
void ReadTogether(int fd, std::span<ReadRequest> requests);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_READ_TOGETHER_H_
