#ifndef SQLITE_EFS_LEASE_DYNAMODB_REPLY_H_
#define SQLITE_EFS_LEASE_DYNAMODB_REPLY_H_

#include <optional>
#include <string_view>

#include "base/status.h"
#include "lease/dynamodb_item.h"

namespace sqlite_efs {

// The item that a reply of DynamoDB holds under `member` ("Attributes" or "Item"); nothing if it has none. kUnavailable
// if the reply cannot be understood: what the request did is not known.
Result<std::optional<DynamoDbItem>> ParseReply(std::string_view body, std::string_view member);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_DYNAMODB_REPLY_H_
