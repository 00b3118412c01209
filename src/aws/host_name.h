#ifndef SQLITE_EFS_AWS_HOST_NAME_H_
#define SQLITE_EFS_AWS_HOST_NAME_H_

#include <string>

#include "os/clock.h"

namespace sqlite_efs {

// Whether the name service answers that there is no host of that name. False also if it does not answer, within `limit`
// or at all: then there may be one. A look-up that takes longer ends by itself, later.
bool IsNoHost(const std::string& name, Duration limit);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_HOST_NAME_H_
