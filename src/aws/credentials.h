#ifndef SQLITE_EFS_AWS_CREDENTIALS_H_
#define SQLITE_EFS_AWS_CREDENTIALS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "os/clock.h"

namespace sqlite_efs {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;             // empty: none
  std::optional<int64_t> expires_at_ms;  // wall time, milliseconds since 1970; nothing: they are good for ever
  bool operator==(const Credentials&) const = default;
};

// Hands out credentials, and gets new ones before they expire. Thread-safe; a child of fork() needs one of its own.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;

  // Credentials to sign with now; from memory while they are good for some minutes more, else fetched, in at most
  // `limit`. If fetching fails, those in memory are handed out while they have not expired.
  //   kUnavailable  a service that has them did not answer; another try may succeed;
  //   kInvalid      there are none, or the settings that lead to them are wrong: the message says what was looked at,
  //                 what each place said, and the remedy. No message holds a secret, a token or a file's content.
  virtual Result<Credentials> Get(Duration limit) = 0;

  // Tells that AWS refused these (ExpiredTokenException, UnrecognizedClientException ...): the next Get() fetches anew,
  // if they are still the ones in memory.
  virtual void Refused(const Credentials& credentials) = 0;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CREDENTIALS_H_
