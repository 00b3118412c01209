#ifndef SQLITE_EFS_AWS_CREDENTIALS_SOURCE_H_
#define SQLITE_EFS_AWS_CREDENTIALS_SOURCE_H_

#include <string>

#include "aws/credentials.h"
#include "aws/http_client.h"
#include "aws/variables.h"
#include "os/clock.h"
#include "os/file_system.h"

namespace sqlite_efs {

// What sources of credentials work with.
struct CredentialsWorld {
  Variables variables;
  FileSystem* files = nullptr;
  HttpClient* http = nullptr;
  Clock* clock = nullptr;
  std::string sts_url;               // of AwsConfig
  std::string sts_host_origin = {};  // of AwsConfig
};

// One place where credentials may be found. Called by one thread at a time.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;

  // Fetches anew, in at most `limit`. A message says which place this is; and never a secret.
  //   kNotFound     this place is not set up here: the next one is asked;
  //   kUnavailable  it is set up, but did not answer; another try may succeed;
  //   kCantOpen     it is set up in a way that only the program's own source can follow (SSO, credential_process ...):
  //                 that one is asked, if there is one, and no other;
  //   any other     it is set up wrongly: what is wrong, and the remedy.
  virtual Result<Credentials> Fetch(Duration limit) = 0;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CREDENTIALS_SOURCE_H_
