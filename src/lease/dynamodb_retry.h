#ifndef SQLITE_EFS_LEASE_DYNAMODB_RETRY_H_
#define SQLITE_EFS_LEASE_DYNAMODB_RETRY_H_

#include <string>

#include "aws/dynamodb.h"

namespace sqlite_efs {

// Sends the request again until there is a reply, at most 20 times and until `deadline`: it may be carried out more
// than once. kUnavailable if there was none. For what is asked seldom, and is not in a hurry.
Result<DynamoDbReply> CallUntilAnswered(DynamoDb& service, Clock& clock, const std::string& action,
                                        const std::string& body, Instant deadline);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_DYNAMODB_RETRY_H_
