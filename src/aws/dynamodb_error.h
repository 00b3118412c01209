#ifndef SQLITE_EFS_AWS_DYNAMODB_ERROR_H_
#define SQLITE_EFS_AWS_DYNAMODB_ERROR_H_

#include <string>
#include <string_view>

#include "base/status.h"

namespace sqlite_efs {

// What to do about a reply that is an error.
enum class DynamoDbFault {
  kConditionFailed,  // not an error: the reply tells what stood in the way
  kCredentials,      // refused as they are; others may do
  kClock,            // the signature's time was refused, which is this machine's
  kTransient,        // nothing is wrong; another try may succeed
  kPermanent,        // somebody has to set something right
};

struct DynamoDbError {
  DynamoDbFault fault = DynamoDbFault::kPermanent;
  std::string code;  // "AccessDeniedException"; empty if the reply does not say
};

// Reads the body of a reply whose status is not 200.
DynamoDbError ParseDynamoDbError(int status, std::string_view body);

struct DynamoDbCall {
  std::string action;  // "PutItem"
  std::string table;
  std::string region;
  std::string url;
};

// What the error means to people, with the remedy; kUnavailable if another try may succeed. Nothing of the reply but
// its code is in it.
Status Explain(const DynamoDbError& error, int status, const DynamoDbCall& call);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_DYNAMODB_ERROR_H_
