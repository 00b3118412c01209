#ifndef SQLITE_EFS_AWS_PROFILE_H_
#define SQLITE_EFS_AWS_PROFILE_H_

#include <map>
#include <string>

#include "aws/variables.h"
#include "base/status.h"
#include "os/file_system.h"

namespace sqlite_efs {

// The settings of one profile in the shared files, and where they were looked for.
struct Profile {
  std::string name;                             // AWS_DEFAULT_PROFILE, AWS_PROFILE, or "default"
  std::string config_path;                      // AWS_CONFIG_FILE, or ~/.aws/config; empty: there is no home directory
  std::string credentials_path;                 // AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials
  std::map<std::string, std::string> settings;  // of both files; those of the credentials file come first
  std::map<std::string, std::string> config;    // of the config file alone
  std::map<std::string, std::string> credentials;  // of the credentials file alone
  std::map<std::string, std::string> services;     // of the section [services NAME] that the profile names
  std::string remarks;                             // for messages: which file could not be read, and why

  // The value of a setting, in either file; "" if it is not there.
  std::string Get(const std::string& setting) const;
};

// Reads the shared files. A file that is not there, or may not be read, is an empty one. kInvalid: a file that cannot
// be understood, a profile that was asked for and is in neither, or services that are not there.
Result<Profile> LoadProfile(const Variables& variables, FileSystem& files);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_PROFILE_H_
