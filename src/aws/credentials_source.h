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
};

// One place where credentials may be found. Called by one thread at a time.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;

  // For messages: "the environment", "the container's endpoint".
  virtual std::string name() const = 0;

  // Fetches anew, in at most `limit`.
  //   kNotFound     this place is not set up here: the next one is asked. The message says how that was seen, briefly;
  //   kUnavailable  it is set up, but did not answer; another try may succeed;
  //   any other     it is set up, but wrongly: the message says what is wrong and the remedy, and no secret.
  virtual Result<Credentials> Fetch(Duration limit) = 0;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CREDENTIALS_SOURCE_H_
