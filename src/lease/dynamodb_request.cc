#include "lease/dynamodb_request.h"

namespace sqlite_efs {
namespace {

constexpr size_t kUsualRequest_bytes = 1500;

}  // namespace

// Begins another term with `before` and the attribute's placeholder: a name may be one of DynamoDB's reserved words.
void DynamoDbCondition::Begin(std::string_view before, std::string_view attribute) {
  if (!expression_.empty()) expression_.append(" AND ");
  expression_.append(before).append("#").append(attribute);
  // In quotes no name is a part of another one.
  std::string name("\"#");
  name.append(attribute).append("\":\"").append(attribute).append("\"");
  if (names_.find(name) == names_.npos) names_.append(names_.empty() ? "" : ",").append(name);
}

// Ends it with the placeholder of `value`, of which an attribute has one, and `after`.
void DynamoDbCondition::End(std::string_view attribute, std::string_view value, std::string_view after) {
  expression_.append(":").append(attribute).append(after);
  values_.append(values_.empty() ? "\":" : ",\":").append(attribute).append("\":").append(value);
}

void DynamoDbCondition::IsAbsent(std::string_view attribute) {
  Begin("attribute_not_exists(", attribute);
  expression_.append(")");
}

void DynamoDbCondition::Equals(std::string_view attribute, std::string_view value) {
  Begin("", attribute);
  expression_.append(" = ");
  End(attribute, value, "");
}

void DynamoDbCondition::IsAtMost(std::string_view attribute, std::string_view value) {
  Begin("", attribute);
  expression_.append(" <= ");
  End(attribute, value, "");
}

void DynamoDbCondition::IsAbsentOrAtMost(std::string_view attribute, std::string_view value) {
  Begin("(attribute_not_exists(", attribute);
  expression_.append(") OR #").append(attribute).append(" <= ");
  End(attribute, value, ")");
}

void DynamoDbCondition::DoesNotContain(std::string_view attribute, std::string_view value) {
  Begin("(NOT contains(", attribute);
  expression_.append(", ");
  End(attribute, value, "))");
}

void DynamoDbCondition::IsAsIn(const DynamoDbAttributes& item, const std::string& attribute) {
  const auto found = item.find(attribute);
  if (found == item.end()) {
    IsAbsent(attribute);
  } else {
    Equals(attribute, found->second);
  }
}

DynamoDbCondition DynamoDbCondition::Never() {
  DynamoDbCondition condition;
  condition.Begin("attribute_exists(", "pk");
  condition.expression_.append(")");
  condition.IsAbsent("pk");
  return condition;
}

std::string DynamoDbCondition::Request(std::string_view table, std::string_view what,
                                       const DynamoDbAttributes& attributes) const {
  std::string body;
  body.reserve(kUsualRequest_bytes);
  body.append("{\"TableName\":\"").append(table).append("\",\"").append(what).append("\":");
  AppendAttributes(attributes, &body);
  body.append(",\"ConditionExpression\":\"").append(expression_);
  body.append("\",\"ExpressionAttributeNames\":{").append(names_).append("}");
  if (!values_.empty()) body.append(",\"ExpressionAttributeValues\":{").append(values_).append("}");
  return body.append(R"(,"ReturnValues":"ALL_OLD","ReturnValuesOnConditionCheckFailure":"ALL_OLD"})");
}

std::string PutRequest(std::string_view table, const DynamoDbAttributes& item, const DynamoDbCondition& condition) {
  return condition.Request(table, "Item", item);
}

std::string DeleteRequest(std::string_view table, std::string_view pk, const DynamoDbCondition& condition) {
  return condition.Request(table, "Key", {{"pk", TextValue(pk)}});
}

DynamoDbCondition IfFree(const std::string& lock_id, const DynamoDbAttributes& queue) {
  DynamoDbCondition condition;
  condition.IsAbsent("lock_id");
  condition.IsAsIn(queue, "queue");
  condition.DoesNotContain("past", TextValue(InPast(lock_id)));
  return condition;
}

DynamoDbCondition IfUnchanged(const DynamoDbAttributes& seen) {
  DynamoDbCondition condition;
  if (seen.empty()) {
    condition.IsAbsent("pk");
    return condition;
  }
  for (const char* attribute : {"lock_id", "version", "expires_at", "past", "queue"}) condition.IsAsIn(seen, attribute);
  return condition;
}

DynamoDbCondition IfHeld(const LeaseRecord& record, const DynamoDbAttributes& queue) {
  DynamoDbCondition condition;
  condition.Equals("lock_id", TextValue(record.lock_id));
  condition.IsAtMost("version", NumberValue(record.version));
  condition.IsAsIn(queue, "queue");
  return condition;
}

}  // namespace sqlite_efs
