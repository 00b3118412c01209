#ifndef SQLITE_EFS_TESTING_DYNAMODB_CONDITION_H_
#define SQLITE_EFS_TESTING_DYNAMODB_CONDITION_H_

#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace sqlite_efs::testing {

// Evaluates a ConditionExpression as DynamoDB does, as far as the lease store's go: attribute_exists,
// attribute_not_exists, contains, =, <=, NOT, AND, OR and brackets, on texts and whole numbers.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
class DynamoDbExpression {
 public:
  using json = nlohmann::json;

  // `request` has the expression, its names and its values; `item` is null where there is none. Nothing: DynamoDB would
  // not take the expression.
  static std::optional<bool> Holds(const json& request, const json& item) {
    DynamoDbExpression expression(request, item);
    const bool holds = expression.Or();
    if (expression.bad_ || !expression.Peek().empty() || !expression.AllUsed()) return std::nullopt;
    return holds;
  }

 private:
  DynamoDbExpression(const json& request, const json& item)
      : request_(request),
        item_(item),
        left_(request["ConditionExpression"].get_ref<const std::string&>()),
        unused_(Size("ExpressionAttributeNames") + Size("ExpressionAttributeValues")) {}

  size_t Size(const char* map) const { return request_.contains(map) ? request_[map].size() : 0; }

  // DynamoDB refuses a request that defines what it does not use.
  bool AllUsed() const { return used_.size() == unused_; }

  std::string_view Peek() {
    while (left_.starts_with(' ')) left_.remove_prefix(1);
    size_t size = 0;
    while (size < left_.size() &&
           (std::isalnum(left_[size]) != 0 || std::string_view("_#:").find(left_[size]) != std::string_view::npos))
      size++;
    if (size == 0) size = left_.starts_with("<=") || left_.starts_with("<>") ? 2 : 1;
    return left_.substr(0, size);
  }
  std::string_view Take() {
    const std::string_view token = Peek();
    left_.remove_prefix(token.size());
    return token;
  }
  bool TakeIf(std::string_view token) {
    if (Peek() != token) return false;
    Take();
    return true;
  }
  void Expect(std::string_view token) { bad_ = !TakeIf(token) || bad_; }

  bool Or() {
    bool holds = And();
    while (TakeIf("OR")) holds = And() || holds;
    return holds;
  }
  bool And() {
    bool holds = Not();
    while (TakeIf("AND")) holds = Not() && holds;
    return holds;
  }
  bool Not() { return TakeIf("NOT") ? !Not() : Term(); }

  bool Term() {
    if (TakeIf("(")) {
      const bool holds = Or();
      Expect(")");
      return holds;
    }
    const std::string function(Peek());
    if (function == "attribute_exists" || function == "attribute_not_exists") {
      Take();
      Expect("(");
      const bool exists = Operand() != nullptr;
      Expect(")");
      return exists == (function == "attribute_exists");
    }
    if (function == "contains") return Contains();
    const json* left = Operand();
    const std::string comparison(Take());
    return Compare(left, comparison, Operand());
  }

  bool Contains() {
    Take();
    Expect("(");
    const json* whole = Operand();
    Expect(",");
    const json* part = Operand();
    Expect(")");
    if (whole == nullptr || part == nullptr || !whole->contains("S") || !part->contains("S")) return false;
    return (*whole)["S"].get<std::string>().find((*part)["S"].get<std::string>()) != std::string::npos;
  }

  bool Compare(const json* left, const std::string& comparison, const json* right) {
    bad_ = bad_ || (comparison != "=" && comparison != "<=");
    if (left == nullptr || right == nullptr) return false;
    if (comparison == "=") return *left == *right;
    if (!left->contains("N") || !right->contains("N")) return false;
    return std::stoll((*left)["N"].get<std::string>()) <= std::stoll((*right)["N"].get<std::string>());
  }

  // Null: an attribute that the item does not have.
  const json* Operand() {
    const std::string name(Take());
    const bool is_value = name.starts_with(':');
    const json* map = Find(request_, is_value ? "ExpressionAttributeValues" : "ExpressionAttributeNames");
    const json* found = map == nullptr ? nullptr : Find(*map, name);
    bad_ = bad_ || found == nullptr;
    if (found == nullptr) return nullptr;
    used_[name] = true;
    return is_value ? found : Find(item_, found->get<std::string>());
  }
  static const json* Find(const json& object, const std::string& name) {
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
  }

  const json& request_;
  const json& item_;
  std::string_view left_;
  size_t unused_;
  json used_ = json::object();
  bool bad_ = false;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_DYNAMODB_CONDITION_H_
