#ifndef SQLITE_EFS_VFS_EVENT_LOG_H_
#define SQLITE_EFS_VFS_EVENT_LOG_H_

#include <string>

#include "base/status.h"

namespace sqlite_efs {

// Sends the events of this process, and of its future children, to a file that grows or, for "stderr", to standard
// error: a JSON object a line. kCantOpen, naming SQLITE_EFS_LOG, if the file cannot be written to.
Status OpenEventLog(const std::string& destination);

// The same as SQLITE_EFS_LOG says when it is first called in the process; nothing if that is not set or empty.
Status OpenEventLogByEnvironment();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_EVENT_LOG_H_
