#ifndef SQLITE_EFS_LEASE_DYNAMODB_OBSERVER_H_
#define SQLITE_EFS_LEASE_DYNAMODB_OBSERVER_H_

#include <memory>
#include <optional>
#include <string>

#include "aws/dynamodb.h"
#include "lease/dynamodb_item.h"
#include "lease/dynamodb_request.h"

namespace sqlite_efs {

// Looks at leases in a table from outside, and ends them: for people. One thread at a time.
class DynamoDbObserver {
 public:
  DynamoDbObserver(std::unique_ptr<DynamoDb> service, Clock& clock);

  // As DynamoDbLeaseStore::name().
  std::string name() const;

  // The item of a database as it stands; nothing if there is none. It is shown by the refusal of a PutItem whose
  // condition holds for no item, so nothing is changed. Each of these takes at most `limit`.
  Result<std::optional<DynamoDbItem>> Look(const std::string& database_id, Duration limit);

  // Ends the tenure that `seen` shows, whoever has it, without a promise: the next holder seals. False if it had ended
  // before. Those who wait keep their places.
  Result<bool> End(const DynamoDbItem& seen, Duration limit);

 private:
  struct Answer {
    bool done = false;
    std::optional<DynamoDbItem> item;  // as it was before
  };
  Result<Answer> Put(const DynamoDbAttributes& item, const DynamoDbCondition& condition, Instant deadline);

  const std::unique_ptr<DynamoDb> service_;
  Clock& clock_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_DYNAMODB_OBSERVER_H_
