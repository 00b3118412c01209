#ifndef SQLITE_EFS_AWS_READ_FILE_H_
#define SQLITE_EFS_AWS_READ_FILE_H_

#include <string>

#include "os/file_system.h"

namespace sqlite_efs {

// The content of a small file, of at most kMaxSettingsFileBytes. kNotFound if there is none; kInvalid for a larger one.
Result<std::string> ReadFile(FileSystem& files, const std::string& path);

constexpr size_t kMaxSettingsFileBytes = 1 << 20;

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_READ_FILE_H_
