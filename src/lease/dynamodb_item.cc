#include "lease/dynamodb_item.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace sqlite_efs {
namespace {

using nlohmann::json;

// What DynamoDB lets an item be, and more than any of ours is.
constexpr size_t kMaxReply_bytes = 500'000;
// And 32 levels of values: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
constexpr int kMaxDepth = 100;
constexpr size_t kMaxPast = 8;  // lock_ids
constexpr size_t kMaxPast_bytes = 1024;

std::string Dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string Quote(const std::string& text) {
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  return is_plain ? '"' + text + '"' : Dump(text);
}

// The value of an attribute of type `type`; null if it has another one.
const std::string* Get(const json& item, const char* name, const char* type) {
  const auto attribute = item.find(name);
  if (attribute == item.end() || !attribute->is_object()) return nullptr;
  const auto value = attribute->find(type);
  return value == attribute->end() ? nullptr : value->get_ptr<const std::string*>();
}

std::string GetText(const json& item, const char* name) {
  const std::string* text = Get(item, name, "S");
  return text == nullptr ? "" : *text;
}

template <typename Number>
bool GetNumber(const json& item, const char* name, Number* out) {
  const std::string* text = Get(item, name, "N");
  if (text == nullptr) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *out);
  return error == std::errc() && end == text->data() + text->size();
}

std::optional<CleanRelease> GetRelease(const json& item) {
  const auto attribute = item.find("released");
  if (attribute == item.end() || !attribute->is_object()) return std::nullopt;
  const auto map = attribute->find("M");
  if (map == attribute->end() || !map->is_object()) return std::nullopt;
  CleanRelease clean;
  clean.store = GetText(*map, "store");
  if (clean.store.empty() || !GetNumber(*map, "segment", &clean.segment) || !GetNumber(*map, "salts", &clean.salts) ||
      !GetNumber(*map, "frames", &clean.frames)) {
    return std::nullopt;
  }
  return clean;
}

LeaseRecord GetRecord(const json& item) {
  LeaseRecord record;
  record.database_id = GetText(item, "pk");
  record.lock_id = GetText(item, "lock_id");
  // Whoever wrote that, it is a holder.
  if (record.lock_id.empty() && item.contains("lock_id") && Get(item, "lock_id", "S") == nullptr) {
    record.lock_id = Dump(item["lock_id"]);
  }
  record.holder = GetText(item, "holder");
  GetNumber(item, "version", &record.version);
  GetNumber(item, "lease_ms", &record.lease_ms);
  GetNumber(item, "since_ms", &record.since_ms);
  if (int64_t s = 0; !GetNumber(item, "expires_at_ms", &record.expires_at_ms) && GetNumber(item, "expires_at", &s)) {
    record.expires_at_ms = std::clamp<int64_t>(s, 0, INT64_MAX / 1000) * 1000;
  }
  if (record.lock_id.empty()) record.released = GetRelease(item);
  return record;
}

// What held and released items have in common.
DynamoDbAttributes Common(const LeaseRecord& record) {
  return {{"pk", TextValue(record.database_id)},
          {"version", NumberValue(record.version)},
          {"holder", TextValue(record.holder)},
          {"since_ms", NumberValue(record.since_ms)}};
}

}  // namespace

std::string TextValue(const std::string& text) { return "{\"S\":" + Quote(text) + "}"; }
std::string NumberValue(int64_t number) { return "{\"N\":\"" + std::to_string(number) + "\"}"; }
std::string NumberValue(uint64_t number) { return "{\"N\":\"" + std::to_string(number) + "\"}"; }

std::string FormatAttributes(const DynamoDbAttributes& attributes) {
  std::string text = "{";
  for (const auto& [name, value] : attributes) {
    if (text.size() > 1) text += ',';
    text += Quote(name);
    text += ':';
    text += value;
  }
  return text + "}";
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
    const DynamoDbAttributes map = {{"segment", NumberValue(clean->segment)},
                                    {"salts", NumberValue(clean->salts)},
                                    {"frames", NumberValue(uint64_t{clean->frames})},
                                    {"store", TextValue(clean->store)}};
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

Result<std::optional<DynamoDbItem>> ParseReply(std::string_view body, const char* member) {
  const Status garbage(StatusCode::kUnavailable, "DynamoDB's reply cannot be understood");
  if (body.size() > kMaxReply_bytes) return garbage;
  bool is_deep = false;
  const auto look = [&is_deep](int depth, json::parse_event_t, json&) {
    is_deep = is_deep || depth > kMaxDepth;
    return !is_deep;
  };
  const json reply = json::parse(body, look, /*allow_exceptions=*/false);
  if (is_deep || !reply.is_object()) return garbage;
  const auto found = reply.find(member);
  // What anything but DynamoDB says to every request must not be taken for its consent.
  if (found == reply.end() && !reply.empty() && !reply.contains("__type")) return garbage;
  if (found == reply.end() || found->is_null()) return std::optional<DynamoDbItem>();
  if (!found->is_object()) return garbage;
  DynamoDbItem item;
  for (const auto& [name, value] : found->items()) {
    if (!value.is_object()) return garbage;
    item.attributes[name] = Dump(value);
  }
  item.record = GetRecord(*found);
  item.past = GetText(*found, "past");
  item.queue = LeaseQueue::Parse(GetText(*found, "queue"));
  return std::optional<DynamoDbItem>(std::move(item));
}

}  // namespace sqlite_efs
