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

// As a JSON string; what is no UTF-8 is replaced.
std::string Quoted(const std::string& text) {
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return '"' + text + '"';
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

// By hand, but for texts that are hard to quote: every transaction writes two records, and a tree of JSON values takes
// longer to build than all else that a commit computes.
std::string FormatLeaseRecord(const LeaseRecord& record) {
  std::string text = "{\"expires_at_ms\":" + std::to_string(record.expires_at_ms);
  text += ",\"holder\":" + Quoted(record.holder);
  text += ",\"lease_ms\":" + std::to_string(record.lease_ms);
  text += ",\"lock_id\":" + Quoted(record.lock_id);
  text += ",\"lock_version\":" + std::to_string(record.version);
  text += ",\"pk\":" + Quoted(record.database_id);
  if (record.released) {
    text += ",\"released\":{\"frames\":" + std::to_string(record.released->frames);
    text += ",\"salts\":" + std::to_string(record.released->salts);
    text += ",\"segment\":" + std::to_string(record.released->segment);
    text += ",\"store\":" + Quoted(record.released->store) + "}";
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
