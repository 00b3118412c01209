#ifndef SQLITE_EFS_CLI_EXIT_CODE_H_
#define SQLITE_EFS_CLI_EXIT_CODE_H_

#include "base/status.h"

namespace sqlite_efs::cli {

// What the command's exit code says; docs/cli.md promises them.
enum class ExitCode {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,    // the command line is wrong
  kDamaged = 3,  // verify found damage; probe, that the file system does not fit
  kBusy = 4,     // somebody else holds the lease or the file; it may be tried again
};

ExitCode ExitCodeOf(const Status& status);

}  // namespace sqlite_efs::cli

#endif  // SQLITE_EFS_CLI_EXIT_CODE_H_
