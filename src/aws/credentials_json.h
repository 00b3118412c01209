#ifndef SQLITE_EFS_AWS_CREDENTIALS_JSON_H_
#define SQLITE_EFS_AWS_CREDENTIALS_JSON_H_

#include <string_view>

#include "aws/credentials.h"

namespace sqlite_efs {

// Credentials as the endpoints of containers and instances write them: AccessKeyId, SecretAccessKey, Token, Expiration.
// kInvalid for all else; the message says what is missing, or the endpoint's own "Code", and nothing more of the text.
Result<Credentials> ParseCredentialsJson(std::string_view text);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CREDENTIALS_JSON_H_
