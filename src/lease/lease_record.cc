#include "lease/lease_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sqlite_efs {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

template <typename T>
bool Get(const json& object, const char* key, T* out) {
  const auto found = object.find(key);
  if (found == object.end()) return false;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return false;
  } else if constexpr (std::is_unsigned_v<T>) {
    if (!found->is_number_unsigned() || found->template get<uint64_t>() > std::numeric_limits<T>::max()) return false;
  } else {
    if (!found->is_number_integer()) return false;
  }
  *out = found->template get<T>();
  return true;
}

}  // namespace

void AppendQuoted(std::string_view value, std::string* text) {
  const bool is_plain =
      std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  if (is_plain) {
    text->append("\"").append(value).append("\"");
  } else {
    text->append(json(value).dump(-1, ' ', false, json::error_handler_t::replace));
  }
}

// By hand, but for texts that are hard to quote: every transaction writes two records, and a tree of JSON values takes
// longer to build than all else that a commit computes.
std::string FormatLeaseRecord(const LeaseRecord& record) {
  std::string text = "{\"expires_at_ms\":" + std::to_string(record.expires_at_ms);
  const auto add_text = [&text](const char* name, const std::string& value) {
    text += name;
    AppendQuoted(value, &text);
  };
  add_text(",\"holder\":", record.holder);
  text += ",\"lease_ms\":" + std::to_string(record.lease_ms);
  add_text(",\"lock_id\":", record.lock_id);
  text += ",\"lock_version\":" + std::to_string(record.version);
  add_text(",\"pk\":", record.database_id);
  if (record.released) {
    text += ",\"released\":{\"frames\":" + std::to_string(record.released->frames);
    text += ",\"salts\":" + std::to_string(record.released->salts);
    text += ",\"segment\":" + std::to_string(record.released->segment);
    add_text(",\"store\":", record.released->store);
    text += "}";
  }
  text += ",\"since_ms\":" + std::to_string(record.since_ms);
  return text + ",\"version\":" + std::to_string(kVersion) + "}";
}

std::optional<LeaseRecord> ParseLeaseRecord(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  LeaseRecord record;
  uint32_t version = 0;
  if (!Get(object, "version", &version) || version != kVersion) return std::nullopt;
  if (!Get(object, "pk", &record.database_id) || !Get(object, "lock_id", &record.lock_id) ||
      !Get(object, "lock_version", &record.version) || !Get(object, "expires_at_ms", &record.expires_at_ms) ||
      !Get(object, "lease_ms", &record.lease_ms) || !Get(object, "holder", &record.holder) ||
      !Get(object, "since_ms", &record.since_ms)) {
    return std::nullopt;
  }
  const auto released = object.find("released");
  if (released == object.end()) return record;
  CleanRelease clean;
  if (!released->is_object() || !Get(*released, "segment", &clean.segment) || !Get(*released, "salts", &clean.salts) ||
      !Get(*released, "frames", &clean.frames) || !Get(*released, "store", &clean.store)) {
    return std::nullopt;
  }
  record.released = clean;
  return record;
}

}  // namespace sqlite_efs
