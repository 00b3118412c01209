#ifndef SQLITE_EFS_TESTING_DYNAMODB_TABLE_H_
#define SQLITE_EFS_TESTING_DYNAMODB_TABLE_H_

#include <map>
#include <string>

#include "aws/http_client.h"
#include "testing/dynamodb_condition.h"

namespace sqlite_efs::testing {

// A table of DynamoDB with the key pk, as its HTTP interface shows it: PutItem and DeleteItem with a condition. Each
// request is atomic and takes no time. Not thread-safe.
class DynamoDbTable {
 public:
  using json = nlohmann::json;

  explicit DynamoDbTable(std::string name) : name_(std::move(name)) {}

  HttpResponse Serve(const HttpRequest& request) {
    const std::string* target = TargetOf(request);
    const json body = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
    if (target == nullptr || !body.is_object()) return Error("SerializationException");
    if (body["TableName"] != name_) return Error("ResourceNotFoundException");
    if (*target == "DynamoDB_20120810.PutItem") return Change(body, body["Item"]["pk"], &body["Item"]);
    if (*target == "DynamoDB_20120810.DeleteItem") return Change(body, body["Key"]["pk"], nullptr);
    return Error("AccessDeniedException");
  }

  json* Find(const std::string& pk) {
    const auto found = items_.find(pk);
    return found == items_.end() ? nullptr : &found->second;
  }
  json* Put(const std::string& pk) { return &items_[pk]; }
  void Remove(const std::string& pk) { items_.erase(pk); }

 private:
  static const std::string* TargetOf(const HttpRequest& request) {
    for (const HttpHeader& header : request.headers) {
      if (header.name == "X-Amz-Target") return &header.value;
    }
    return nullptr;
  }
  static HttpResponse Error(const std::string& code, json more = json::object()) {
    more["__type"] = "com.amazonaws.dynamodb.v20120810#" + code;
    return {400, {}, more.dump()};
  }

  HttpResponse Change(const json& request, const json& key, const json* item) {
    const std::string pk = key["S"];
    json* const present = Find(pk);
    const std::optional<bool> holds = DynamoDbExpression::Holds(request, present == nullptr ? json() : *present);
    if (!holds) return Error("ValidationException");
    if (!*holds) {
      return Error("ConditionalCheckFailedException", present == nullptr ? json::object() : json{{"Item", *present}});
    }
    json reply = json::object();
    if (present != nullptr) reply["Attributes"] = *present;
    if (item != nullptr) {
      items_[pk] = *item;
    } else {
      items_.erase(pk);
    }
    return {200, {{"x-amzn-RequestId", "0"}, {"x-amz-crc32", "0"}}, reply.dump()};
  }

  const std::string name_;
  std::map<std::string, json> items_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_DYNAMODB_TABLE_H_
