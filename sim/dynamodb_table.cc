#include "sim/dynamodb_table.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace sqlite_efs::sim {
namespace {

constexpr std::string_view kAnd = " AND ";
constexpr size_t kMembers = 12;  // of most objects, at most
constexpr std::string_view kKey = R"("pk":{"S":")";

size_t EndOfString(std::string_view text, size_t begin) {
  size_t i = begin + 1;
  while (text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return i + 1;
}

size_t EndOfValue(std::string_view text, size_t i) {
  int depth = 0;
  do {
    if (text[i] == '"') {
      i = EndOfString(text, i);
      continue;
    }
    if (text[i] == '{' || text[i] == '[') depth++;
    if (text[i] == '}' || text[i] == ']') depth--;
    i++;
  } while (depth > 0);
  return i;
}

JsonMembers MembersOf(std::string_view object) {
  JsonMembers members;
  members.reserve(kMembers);
  for (size_t i = 1; i < object.size() && object[i] == '"';) {
    const size_t name_end = EndOfString(object, i);
    const size_t value_end = EndOfValue(object, name_end + 1);
    members.emplace_back(object.substr(i + 1, name_end - i - 2), object.substr(name_end + 1, value_end - name_end - 1));
    i = value_end + 1;
  }
  return members;
}

// Empty: there is none.
std::string_view Find(const JsonMembers& members, std::string_view name) {
  const auto found = std::ranges::find(members, name, &JsonMembers::value_type::first);
  return found == members.end() ? std::string_view() : found->second;
}

// Of {"S":"text"} or {"N":"1"}.
std::string_view Inside(std::string_view value) { return value.substr(6, value.size() - 8); }

uint64_t Number(std::string_view value) {
  uint64_t number = 0;
  const std::string_view digits = Inside(value);
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

// One term of a condition. What the lease store calls an attribute is its name.
bool Holds(std::string_view term, const JsonMembers& item, const JsonMembers& values) {
  const size_t begin = term.find('#') + 1;
  const std::string_view attribute = term.substr(begin, term.find_first_of(" ,)", begin) - begin);
  const std::string_view present = Find(item, attribute);
  if (term.starts_with("attribute_exists(")) return !present.empty();
  if (term.starts_with("attribute_not_exists(")) return present.empty();
  const size_t colon = term.find(':');
  const std::string_view value = Find(values, term.substr(colon, term.find(')', colon) - colon));
  if (term.starts_with("(NOT contains(")) return present.empty() || present.find(Inside(value)) == present.npos;
  if (present.empty()) return false;
  if (term.find(" <= ") != term.npos) return Number(present) <= Number(value);
  if (term.find(" = ") != term.npos) return present == value;
  std::abort();  // the lease store sends what this table does not know
}

bool AllHold(std::string_view condition, const JsonMembers& item, const JsonMembers& values) {
  while (!condition.empty()) {
    const size_t size = std::min(condition.find(kAnd), condition.size());
    if (!Holds(condition.substr(0, size), item, values)) return false;
    condition.remove_prefix(std::min(size + kAnd.size(), condition.size()));
  }
  return true;
}

}  // namespace

HttpResponse DynamoDbTable::Serve(const HttpRequest& request) {
  const JsonMembers body = MembersOf(request.body);
  const std::string_view put = Find(body, "Item");
  const std::string_view target = put.empty() ? Find(body, "Key") : put;
  const size_t pk = target.find(kKey) + kKey.size();
  Item& item = items_[std::string(target.substr(pk, target.find('"', pk) - pk))];
  std::string_view condition = Find(body, "ConditionExpression");
  condition = condition.substr(1, condition.size() - 2);
  if (!AllHold(condition, item.attributes, MembersOf(Find(body, "ExpressionAttributeValues")))) {
    const std::string shown = item.text.empty() ? "" : ",\"Item\":" + item.text;
    return {400, {}, R"({"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException")" + shown + "}"};
  }
  HttpResponse response = {200,
                           {{"x-amzn-RequestId", "0"}, {"x-amz-crc32", "0"}},
                           item.text.empty() ? "{}" : "{\"Attributes\":" + item.text + "}"};
  const std::string holder(Find(item.attributes, "lock_id"));
  item.text = put;
  item.attributes = MembersOf(item.text);
  const std::string_view next = Find(item.attributes, "lock_id");
  if (!holder.empty() && !next.empty() && next != holder) takeovers++;
  return response;
}

}  // namespace sqlite_efs::sim
