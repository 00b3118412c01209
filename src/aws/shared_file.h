#ifndef SQLITE_EFS_AWS_SHARED_FILE_H_
#define SQLITE_EFS_AWS_SHARED_FILE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sqlite_efs {

// A "[name]" of ~/.aws/config or ~/.aws/credentials and the settings below it, their names in lower case. A value that
// went on in indented lines has them after a line feed each.
struct SharedSection {
  std::string name;
  std::map<std::string, std::string> values;
};

// Reads such a file as botocore does, that is as Python's configparser: comments are whole lines. kInvalid for what it
// would not understand; the message names `path` and the line, and no content.
Result<std::vector<SharedSection>> ParseSharedFile(std::string_view text, const std::string& path);

// The settings in the indented lines of a value, as in a "services" section; lines without "=" are left out.
std::map<std::string, std::string> ParseNested(const std::string& value);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_SHARED_FILE_H_
