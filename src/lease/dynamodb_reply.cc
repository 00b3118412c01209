#include "lease/dynamodb_reply.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace sqlite_efs {
namespace {

// What DynamoDB lets an item be, and more than any of ours is.
constexpr size_t kMaxReply_bytes = 500'000;
// And 32 levels of values: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
constexpr int kMaxDepth = 100;
constexpr size_t kUsualScalars = 16;

// The scalars of a map of values, each in DynamoDB's JSON: {"name":{"type":"text"}}.
class Scalars {
 public:
  void Add(const std::string& name, const std::string& type, std::string&& text) {
    if (all_.empty()) all_.reserve(kUsualScalars);
    all_.push_back({name, type, std::move(text)});
  }

  // Null if there is none of that type.
  const std::string* Get(std::string_view name, std::string_view type) const {
    for (const Scalar& scalar : std::views::reverse(all_)) {  // the last counts, as for most readers of JSON
      if (scalar.name == name && scalar.type == type) return &scalar.text;
    }
    return nullptr;
  }

  std::string Text(std::string_view name) const {
    const std::string* text = Get(name, "S");
    return text == nullptr ? "" : *text;
  }

  template <typename Number>
  bool GetNumber(std::string_view name, Number* out) const {
    const std::string* text = Get(name, "N");
    if (text == nullptr) return false;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *out);
    return error == std::errc() && end == text->data() + text->size();
  }

 private:
  struct Scalar {
    std::string name;
    std::string type;
    std::string text;
  };
  std::vector<Scalar> all_;
};

// Takes a reply as nlohmann's parser comes upon its parts, which spares a tree of it: {"member":{"name":{"type":...}}}.
// https://json.nlohmann.me/api/json_sax/
class Reader {
 public:
  explicit Reader(std::string_view member) : member_(member) {}

  bool has_item() const { return has_item_; }
  // What anything but DynamoDB says to every request must not be taken for its consent.
  bool is_of_dynamodb() const { return has_member_ || has_type_ || is_empty_; }
  const DynamoDbAttributes& attributes() const { return attributes_; }
  const Scalars& scalars() const { return scalars_; }
  const Scalars& released() const { return released_; }  // in the map of that name

  // What the parser calls, by its names; false ends it.
  using string_t = nlohmann::json::string_t;
  bool null() { return depth_ == kInReply || Literal("null"); }
  bool boolean(bool value) { return Literal(value ? "true" : "false"); }
  bool number_integer(int64_t value) { return Literal(std::to_string(value)); }
  bool number_unsigned(uint64_t value) { return Literal(std::to_string(value)); }
  bool number_float(double /*value*/, const string_t& text) { return Literal(text); }
  bool binary(const nlohmann::json::binary_t& /*value*/) { return false; }
  bool string(string_t& value) {
    if (!MayStandHere() || !wanted_) return MayStandHere();
    Separate();
    AppendQuoted(value, &text_);
    if (depth_ == kInValue) {
      scalars_.Add(name_, type_, std::move(value));
    } else if (depth_ == kInFieldValue && !field_type_.empty()) {
      released_.Add(field_, field_type_, std::move(value));
    }
    return true;
  }
  bool key(string_t& key) {
    if (depth_ == kInReply) return Member(key);
    if (!wanted_) return true;
    if (depth_ == kInItem) {
      name_ = std::move(key);
      return true;
    }
    Separate();
    AppendQuoted(key, &text_);
    text_.push_back(':');
    if (depth_ == kInValue) type_ = key;
    if (depth_ == kInField) field_ = key;
    if (depth_ < kInFieldValue) field_type_.clear();
    if (depth_ == kInFieldValue && in_fields_) field_type_ = key;
    return true;
  }
  bool start_object(size_t /*elements*/) {
    if (depth_ == kInReply) has_item_ = has_item_ || wanted_;
    if (depth_ == kInValue) in_fields_ = name_ == "released" && type_ == "M";
    return Open('{');
  }
  bool end_object() { return Close('}'); }
  bool start_array(size_t /*elements*/) {
    if (depth_ == kInValue) in_fields_ = false;
    return MayStandHere() && Open('[');
  }
  bool end_array() { return Close(']'); }
  bool parse_error(size_t /*at*/, const std::string& /*token*/, const nlohmann::json::exception& /*error*/) {
    return false;
  }

 private:
  // How many objects and arrays are open.
  enum Depth : int { kOutside, kInReply, kInItem, kInValue, kInField, kInFieldValue };

  // Whether anything but an object may.
  bool MayStandHere() const { return depth_ != kOutside && (!wanted_ || depth_ > kInItem); }

  bool Member(const std::string& name) {
    is_empty_ = false;
    wanted_ = name == member_;
    has_type_ = has_type_ || name == "__type";
    const bool again = wanted_ && has_member_;
    has_member_ = has_member_ || wanted_;
    return !again;
  }

  bool Literal(std::string_view text) {
    if (!MayStandHere() || !wanted_) return MayStandHere();
    Separate();
    text_.append(text);
    return true;
  }

  bool Open(char bracket) {
    if (wanted_ && depth_ >= kInItem) {
      Separate();
      text_.push_back(bracket);
    }
    return ++depth_ <= kMaxDepth;
  }

  bool Close(char bracket) {
    depth_--;
    if (depth_ == kInReply) wanted_ = false;
    if (!wanted_ || depth_ < kInItem) return true;
    text_.push_back(bracket);
    return depth_ > kInItem || attributes_.emplace(std::move(name_), std::exchange(text_, {})).second;
  }

  // A comma, unless this is the first in its brackets, or the value of a key.
  void Separate() {
    constexpr std::string_view kNone = "{[:";
    if (!text_.empty() && kNone.find(text_.back()) == kNone.npos) text_.push_back(',');
  }

  const std::string_view member_;
  int depth_ = kOutside;
  bool is_empty_ = true;
  bool has_type_ = false;
  bool has_member_ = false;
  bool has_item_ = false;
  bool wanted_ = false;     // what is being read is the member's value, from its key on
  bool in_fields_ = false;  // or the map of what a release left
  std::string name_;        // of the attribute that is being read, the type of its value, and its text so far
  std::string type_;
  std::string text_;
  std::string field_;
  std::string field_type_;
  DynamoDbAttributes attributes_;
  Scalars scalars_;
  Scalars released_;
};

std::optional<CleanRelease> GetRelease(const Scalars& released) {
  CleanRelease clean;
  clean.store = released.Text("store");
  if (clean.store.empty() || !released.GetNumber("segment", &clean.segment) ||
      !released.GetNumber("salts", &clean.salts) || !released.GetNumber("frames", &clean.frames)) {
    return std::nullopt;
  }
  return clean;
}

LeaseRecord GetRecord(const Reader& reader) {
  const Scalars& scalars = reader.scalars();
  LeaseRecord record;
  record.database_id = scalars.Text("pk");
  record.lock_id = scalars.Text("lock_id");
  // Whoever wrote one of another type, it is a holder.
  if (const auto found = reader.attributes().find("lock_id");
      found != reader.attributes().end() && scalars.Get("lock_id", "S") == nullptr) {
    record.lock_id = found->second;
  }
  record.holder = scalars.Text("holder");
  scalars.GetNumber("version", &record.version);
  scalars.GetNumber("lease_ms", &record.lease_ms);
  scalars.GetNumber("since_ms", &record.since_ms);
  if (int64_t s = 0;
      !scalars.GetNumber("expires_at_ms", &record.expires_at_ms) && scalars.GetNumber("expires_at", &s)) {
    record.expires_at_ms = std::clamp<int64_t>(s, 0, INT64_MAX / 1000) * 1000;
  }
  if (record.lock_id.empty()) record.released = GetRelease(reader.released());
  return record;
}

}  // namespace

Result<std::optional<DynamoDbItem>> ParseReply(std::string_view body, std::string_view member) {
  const Status garbage(StatusCode::kUnavailable, "DynamoDB's reply cannot be understood");
  Reader reader(member);
  if (body.size() > kMaxReply_bytes || !nlohmann::json::sax_parse(body, &reader)) return garbage;
  if (!reader.is_of_dynamodb()) return garbage;
  if (!reader.has_item()) return std::optional<DynamoDbItem>();
  const Scalars& scalars = reader.scalars();
  return std::optional<DynamoDbItem>({.attributes = reader.attributes(),
                                      .record = GetRecord(reader),
                                      .past = scalars.Text("past"),
                                      .queue = LeaseQueue::Parse(scalars.Text("queue"))});
}

}  // namespace sqlite_efs
