#ifndef SQLITE_EFS_AWS_DYNAMODB_H_
#define SQLITE_EFS_AWS_DYNAMODB_H_

#include <memory>
#include <string>

#include "aws/access.h"
#include "os/clock.h"

namespace sqlite_efs {

struct DynamoDbReply {
  bool refused = false;  // the condition of the request did not hold
  std::string body;
};

// Sends requests about one table. One thread at a time; `clock` must outlive it.
class DynamoDb {
 public:
  DynamoDb(std::shared_ptr<AwsAccess> access, std::string table, Clock& clock);

  const std::string& table() const { return table_; }
  // Where the table is; "" before the first request of the process. Any thread.
  std::string region() const;

  // Sends `body` as `action` ("PutItem"), and again, once, if the credentials are refused and there are others, or if
  // the server's clock is another one: then it counts, for all requests of the process. Takes no longer than `limit`.
  // kUnavailable: it may or may not have been carried out, another try may succeed; also for a success that is not of
  // DynamoDB's form. Any other error is permanent, and was not carried out. No message has anything of the body or a
  // secret.
  Result<DynamoDbReply> Call(const std::string& action, const std::string& body, Duration limit);

 private:
  bool LearnTime(const HttpResponse& response, int64_t request_s);

  const std::shared_ptr<AwsAccess> access_;
  const std::string table_;
  Clock& clock_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_DYNAMODB_H_
