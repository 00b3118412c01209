#ifndef SQLITE_EFS_LEASE_DYNAMODB_REQUEST_H_
#define SQLITE_EFS_LEASE_DYNAMODB_REQUEST_H_

#include <set>
#include <string>
#include <utility>

#include "lease/dynamodb_item.h"

namespace sqlite_efs {

// What must hold of an item for a request to change it: terms of which each must hold.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
class DynamoDbCondition {
 public:
  void IsAbsent(const std::string& attribute);
  void Equals(const std::string& attribute, const std::string& value);
  void IsAtMost(const std::string& attribute, const std::string& value);
  void DoesNotContain(const std::string& attribute, const std::string& value);
  // The attribute is as `item` has it, or absent if it has none.
  void IsAsIn(const DynamoDbAttributes& item, const std::string& attribute);
  // Never holds: the refusal shows the item.
  static DynamoDbCondition Never();

 private:
  friend std::string PutRequest(const std::string&, const DynamoDbAttributes&, const DynamoDbCondition&);
  friend std::string DeleteRequest(const std::string&, const std::string&, const DynamoDbCondition&);
  void Add(const std::string& term);
  std::string Name(const std::string& attribute);
  std::string Value(const std::string& attribute, const std::string& value);
  std::string Format() const;

  std::string expression_;
  std::set<std::string> names_;
  DynamoDbAttributes values_;
};

// The body of a PutItem that replaces the whole item, and of a DeleteItem. Done or refused, the reply shows the item as
// it was before.
std::string PutRequest(const std::string& table, const DynamoDbAttributes& item, const DynamoDbCondition& condition);
std::string DeleteRequest(const std::string& table, const std::string& pk, const DynamoDbCondition& condition);

// The item is free, with no place for anybody but `queue` says (absent: nobody waits), and no tenure of `lock_id` was
// released lately, so that a request that comes late or twice takes no lease for an attempt that is over.
DynamoDbCondition IfFree(const std::string& lock_id, const DynamoDbAttributes& queue);
// The item is exactly what `seen` shows, as far as tenures and the queue go; absent if `seen` is empty.
DynamoDbCondition IfUnchanged(const DynamoDbAttributes& seen);
// `record`'s tenure has not ended and was not renewed later, and the queue is as in `queue`.
DynamoDbCondition IfHeld(const LeaseRecord& record, const DynamoDbAttributes& queue);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_DYNAMODB_REQUEST_H_
