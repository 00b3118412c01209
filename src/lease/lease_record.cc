#include "lease/lease_record.h"

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

std::string FormatLeaseRecord(const LeaseRecord& record) {
  json object = {{"version", kVersion},
                 {"pk", record.database_id},
                 {"lock_id", record.lock_id},
                 {"lock_version", record.version},
                 {"expires_at_ms", record.expires_at_ms},
                 {"lease_ms", record.lease_ms},
                 {"holder", record.holder},
                 {"since_ms", record.since_ms}};
  if (record.released) {
    object["released"] = {{"segment", record.released->segment},
                          {"salts", record.released->salts},
                          {"frames", record.released->frames},
                          {"store", record.released->store}};
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
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
