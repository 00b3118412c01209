#ifndef SQLITE_EFS_CLI_CLI_H_
#define SQLITE_EFS_CLI_CLI_H_

#include <ostream>

namespace sqlite_efs::cli {

// Runs the command `sqlite-efs`: its exit code. What is asked for goes to `out`, what goes wrong to `errors`.
int Run(int argc, const char* const* argv, std::ostream& out, std::ostream& errors);

}  // namespace sqlite_efs::cli

#endif  // SQLITE_EFS_CLI_CLI_H_
