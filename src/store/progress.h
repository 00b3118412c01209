#ifndef SQLITE_EFS_STORE_PROGRESS_H_
#define SQLITE_EFS_STORE_PROGRESS_H_

#include <cstdint>
#include <functional>

namespace sqlite_efs {

// Called now and then by work that takes long, with how much of it is done; may be empty.
using Progress = std::function<void(uint64_t done, uint64_t total)>;

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_PROGRESS_H_
