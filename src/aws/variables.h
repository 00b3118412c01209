#ifndef SQLITE_EFS_AWS_VARIABLES_H_
#define SQLITE_EFS_AWS_VARIABLES_H_

#include <functional>
#include <string>

namespace sqlite_efs {

// Environment variables: the value of the one named, or nothing ("") if it is not set. AWS's own tools take an empty
// one for one that is not set, too. Thread-safe unless the program changes its environment meanwhile.
using Variables = std::function<std::string(const char* name)>;

// Those of this process.
Variables ProcessVariables();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_VARIABLES_H_
