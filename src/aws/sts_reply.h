#ifndef SQLITE_EFS_AWS_STS_REPLY_H_
#define SQLITE_EFS_AWS_STS_REPLY_H_

#include <string>
#include <string_view>

#include "aws/credentials.h"

namespace sqlite_efs {

// The credentials in STS's XML reply to AssumeRoleWithWebIdentity. Strict: each of the four elements once, with plain
// text in it. kInvalid for all else; the message holds nothing of the reply.
Result<Credentials> ParseStsReply(std::string_view xml);

// The error's code in such a reply ("ExpiredTokenException"); "" if there is none.
std::string ParseStsErrorCode(std::string_view xml);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_STS_REPLY_H_
