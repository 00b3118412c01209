#ifndef SQLITE_EFS_LEASE_DYNAMODB_REQUEST_H_
#define SQLITE_EFS_LEASE_DYNAMODB_REQUEST_H_

#include <string>
#include <string_view>

#include "lease/dynamodb_item.h"

namespace sqlite_efs {

// What must hold of an item for a request to change it: terms of which each must hold. Attributes are names of ours,
// each compared with one value at most; values are DynamoDB's JSON.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
class DynamoDbCondition {
 public:
  void IsAbsent(std::string_view attribute);
  void Equals(std::string_view attribute, std::string_view value);
  void IsAtMost(std::string_view attribute, std::string_view value);
  void IsAbsentOrAtMost(std::string_view attribute, std::string_view value);
  void DoesNotContain(std::string_view attribute, std::string_view value);
  // The attribute is as `item` has it, or absent if it has none.
  void IsAsIn(const DynamoDbAttributes& item, const std::string& attribute);
  // Never holds: the refusal shows the item.
  static DynamoDbCondition Never();

 private:
  friend std::string PutRequest(std::string_view, const DynamoDbAttributes&, const DynamoDbCondition&);
  friend std::string DeleteRequest(std::string_view, std::string_view, const DynamoDbCondition&);
  void Begin(std::string_view before, std::string_view attribute);
  void End(std::string_view attribute, std::string_view value, std::string_view after);
  std::string Request(std::string_view table, std::string_view what, const DynamoDbAttributes& attributes) const;

  std::string expression_;
  std::string names_;  // members of JSON objects
  std::string values_;
};

// The body of a PutItem that replaces the whole item, and of a DeleteItem. Done or refused, the reply shows the item as
// it was before.
std::string PutRequest(std::string_view table, const DynamoDbAttributes& item, const DynamoDbCondition& condition);
std::string DeleteRequest(std::string_view table, std::string_view pk, const DynamoDbCondition& condition);

// The item is free, with no place for anybody but `queue` says (absent: nobody waits), and no tenure of `lock_id` was
// released lately, so that a request that comes late or twice takes no lease for an attempt that is over.
DynamoDbCondition IfFree(const std::string& lock_id, const DynamoDbAttributes& queue);
// The item is exactly what `seen` shows, as far as tenures and the queue go; absent if `seen` is empty.
DynamoDbCondition IfUnchanged(const DynamoDbAttributes& seen);
// `record`'s tenure has not ended and was not renewed later, and the queue is as in `queue`.
DynamoDbCondition IfHeld(const LeaseRecord& record, const DynamoDbAttributes& queue);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_DYNAMODB_REQUEST_H_
