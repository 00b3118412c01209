#include "lease/dynamodb_request.h"

namespace sqlite_efs {

void DynamoDbCondition::Add(const std::string& term) {
  if (!expression_.empty()) expression_ += " AND ";
  expression_ += term;
}

// A name may be one of DynamoDB's reserved words; a placeholder is not.
std::string DynamoDbCondition::Name(const std::string& attribute) {
  names_.insert(attribute);
  return "#" + attribute;
}

std::string DynamoDbCondition::Value(const std::string& attribute, const std::string& value) {
  values_[":" + attribute] = value;
  return ":" + attribute;
}

void DynamoDbCondition::IsAbsent(const std::string& attribute) { Add("attribute_not_exists(" + Name(attribute) + ")"); }

void DynamoDbCondition::Equals(const std::string& attribute, const std::string& value) {
  Add(Name(attribute) + " = " + Value(attribute, value));
}

void DynamoDbCondition::IsAtMost(const std::string& attribute, const std::string& value) {
  Add(Name(attribute) + " <= " + Value(attribute, value));
}

void DynamoDbCondition::DoesNotContain(const std::string& attribute, const std::string& value) {
  Add("(NOT contains(" + Name(attribute) + ", " + Value(attribute, value) + "))");
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
  condition.Add("attribute_exists(" + condition.Name("pk") + ")");
  condition.IsAbsent("pk");
  return condition;
}

std::string DynamoDbCondition::Format() const {
  DynamoDbAttributes names;
  for (const std::string& name : names_) names["#" + name] = "\"" + name + "\"";
  std::string text = "\"ConditionExpression\":\"" + expression_ + "\"";
  text += ",\"ExpressionAttributeNames\":" + FormatAttributes(names);
  if (!values_.empty()) text += ",\"ExpressionAttributeValues\":" + FormatAttributes(values_);
  return text + R"(,"ReturnValues":"ALL_OLD","ReturnValuesOnConditionCheckFailure":"ALL_OLD"})";
}

std::string PutRequest(const std::string& table, const DynamoDbAttributes& item, const DynamoDbCondition& condition) {
  return "{\"TableName\":\"" + table + "\",\"Item\":" + FormatAttributes(item) + "," + condition.Format();
}

std::string DeleteRequest(const std::string& table, const std::string& pk, const DynamoDbCondition& condition) {
  const DynamoDbAttributes key = {{"pk", TextValue(pk)}};
  return "{\"TableName\":\"" + table + "\",\"Key\":" + FormatAttributes(key) + "," + condition.Format();
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
