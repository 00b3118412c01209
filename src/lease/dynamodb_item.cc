#include "lease/dynamodb_item.h"

#include <algorithm>
#include <utility>

namespace sqlite_efs {
namespace {

constexpr size_t kMaxPast = 8;  // lock_ids
constexpr size_t kMaxPast_bytes = 1024;

// What held and released items have in common.
DynamoDbAttributes Common(const LeaseRecord& record) {
  DynamoDbAttributes attributes;
  attributes.emplace("pk", TextValue(record.database_id));
  attributes.emplace("version", NumberValue(record.version));
  attributes.emplace("holder", TextValue(record.holder));
  attributes.emplace("since_ms", NumberValue(record.since_ms));
  return attributes;
}

std::string NumberText(const std::string& digits) {
  std::string text;
  return text.append("{\"N\":\"").append(digits).append("\"}");
}

}  // namespace

std::string TextValue(std::string_view value) {
  std::string text;
  text.reserve(value.size() + std::string_view(R"({"S":""})").size());
  text.append("{\"S\":");
  AppendQuoted(value, &text);
  return text.append("}");
}
std::string NumberValue(int64_t number) { return NumberText(std::to_string(number)); }
std::string NumberValue(uint64_t number) { return NumberText(std::to_string(number)); }

void AppendAttributes(const DynamoDbAttributes& attributes, std::string* text) {
  char before = '{';
  for (const auto& [name, value] : attributes) {
    text->push_back(before);
    AppendQuoted(name, text);
    text->append(":").append(value);
    before = ',';
  }
  text->append(attributes.empty() ? "{}" : "}");
}

std::string FormatAttributes(const DynamoDbAttributes& attributes) {
  std::string text;
  AppendAttributes(attributes, &text);
  return text;
}

void DynamoDbItem::SetQueue(const LeaseQueue& changed) {
  queue = changed;
  if (queue.empty()) {
    attributes.erase("queue");
  } else {
    attributes["queue"] = TextValue(queue.Format());
  }
}

DynamoDbItem HeldItem(const LeaseRecord& record, const LeaseQueue& queue) {
  DynamoDbItem item = {Common(record), record, "", {}};
  item.attributes["lock_id"] = TextValue(record.lock_id);
  item.attributes["lease_ms"] = NumberValue(record.lease_ms);
  item.attributes["expires_at_ms"] = NumberValue(record.expires_at_ms);
  // Rounded up: whoever removes what has expired must not be early.
  item.attributes["expires_at"] = NumberValue(record.expires_at_ms / 1000 + (record.expires_at_ms % 1000 > 0 ? 1 : 0));
  item.SetQueue(queue);
  return item;
}

DynamoDbItem ReleasedItem(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, const std::string& past,
                          const LeaseQueue& queue) {
  DynamoDbItem item = {Common(mine), mine, AddToPast(mine.lock_id, past), {}};
  item.record.lock_id.clear();
  item.record.expires_at_ms = item.record.lease_ms = 0;
  item.record.released = clean;
  item.attributes["past"] = TextValue(item.past);
  if (clean) {
    DynamoDbAttributes map;
    map.emplace("segment", NumberValue(clean->segment));
    map.emplace("salts", NumberValue(clean->salts));
    map.emplace("frames", NumberValue(uint64_t{clean->frames}));
    map.emplace("store", TextValue(clean->store));
    item.attributes["released"] = "{\"M\":" + FormatAttributes(map) + "}";
  }
  item.SetQueue(queue);
  return item;
}

std::string InPast(const std::string& lock_id) { return " " + lock_id + " "; }

std::string AddToPast(const std::string& lock_id, const std::string& past) {
  std::string longer = InPast(lock_id) + (past.size() <= kMaxPast_bytes ? past : "");
  size_t end = 0;
  for (size_t i = 0; i < kMaxPast && end != longer.npos; i++) {
    const size_t next = longer.find("  ", end + 1);
    end = next == longer.npos ? next : next + 1;
  }
  return end == longer.npos ? longer : longer.substr(0, end);
}

}  // namespace sqlite_efs
