#include "vfs/settings.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "lease/dynamodb_process.h"

namespace sqlite_efs {
namespace {

constexpr double kMaxTimeout_s = 3600;
constexpr uint64_t kMaxCache_mib = 16384;
constexpr uint64_t kMaxAttempts = 1'000'000;
constexpr uint64_t kMaxExpiration_s = 86'400;
constexpr uint64_t kMaxLinger_ms = 10'000;
constexpr uint64_t kMaxFreshness_ms = 3'600'000;
// A key of DynamoDB is 2048 bytes at most, "database#" among them.
constexpr size_t kMaxFormerName_bytes = 2039;

// Where a value came from, for messages.
struct Source {
  std::string name;
  std::string value;
};

Status Bad(const Source& source, const std::string& wanted) {
  return Status::Invalid(source.name + " is \"" + source.value + "\"; it must be " + wanted);
}

template <typename Number>
bool Parse(const std::string& text, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

Status SetInteger(const Source& source, uint64_t min, uint64_t max, uint64_t* out) {
  if (Parse(source.value, out) && *out >= min && *out <= max) return {};
  return Bad(source, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
}

Status SetTimeout(const Source& source, Settings* settings) {
  double seconds = 0;
  if (!Parse(source.value, &seconds) || !std::isfinite(seconds) || seconds < 0 || seconds > kMaxTimeout_s) {
    return Bad(source, "a number of seconds from 0 to 3600");
  }
  settings->timeout = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  return {};
}

Status SetCache(const Source& source, Settings* settings) {
  uint64_t value = 0;
  EFS_RETURN_IF_ERROR(SetInteger(source, 1, kMaxCache_mib, &value));
  settings->cache_mib = value;
  return {};
}

Status SetAutocheckpoint(const Source& source, Settings* settings) {
  uint32_t value = 0;
  if (!Parse(source.value, &value) || value > kMaxAutocheckpoint_frames) {
    return Bad(source, "a whole number from 0 to " + std::to_string(kMaxAutocheckpoint_frames));
  }
  settings->wal_autocheckpoint = value;
  return {};
}

Status SetAttempts(const Source& source, Settings* settings) {
  return SetInteger(source, 1, kMaxAttempts, &settings->lock_max_attempts);
}

Status SetExpiration(const Source& source, Settings* settings) {
  return SetInteger(source, 1, kMaxExpiration_s, &settings->lock_expiration_s);
}

Status SetLinger(const Source& source, Settings* settings) {
  uint64_t value = 0;
  EFS_RETURN_IF_ERROR(SetInteger(source, 0, kMaxLinger_ms, &value));
  settings->lease_linger = std::chrono::milliseconds(value);
  return {};
}

Status SetFreshness(const Source& source, Settings* settings) {
  uint64_t bound_ms = 0;
  if (source.value == "transaction") {
    settings->freshness = {Freshness::Kind::kTransaction};
  } else if (source.value == "request") {
    settings->freshness = {Freshness::Kind::kRequest};
  } else if (Parse(source.value, &bound_ms) && bound_ms >= 1 && bound_ms <= kMaxFreshness_ms) {
    settings->freshness = {Freshness::Kind::kBound, std::chrono::milliseconds(bound_ms)};
  } else {
    return Bad(source, "\"transaction\", \"request\", or a number of milliseconds from 1 to " +
                           std::to_string(kMaxFreshness_ms));
  }
  return {};
}

Status SetTable(const Source& source, Settings* settings) {
  if (!source.value.empty() && !IsDynamoDbTable(source.value)) {
    return Bad(source, "the name of a DynamoDB table, 3 to 255 letters, digits, _, - and ., or its ARN");
  }
  settings->lock_dynamodb_table = source.value;
  return {};
}

Status SetFormerName(const Source& source, Settings* settings) {
  if (source.value.empty() || source.value.size() > kMaxFormerName_bytes) {
    return Bad(source, "NAME of Django's settings, 1 to " + std::to_string(kMaxFormerName_bytes) + " bytes");
  }
  settings->lock_former_name = source.value;
  return {};
}

Status SetVfs(const Source&, Settings*) { return {}; }

Status RefuseTrue(const Source& source, Settings*) {
  if (source.value == "0" || source.value == "no" || source.value == "off" || source.value == "false") return {};
  return Status::Invalid(source.name + "=" + source.value +
                         " would let SQLite read a live database without the engine's locks; leave it out");
}

struct Setting {
  const char* parameter;
  const char* variable;  // null: none
  Status (*set)(const Source&, Settings*);
};

constexpr std::array kSettings = {
    Setting{"timeout", "SQLITE_EFS_TIMEOUT", &SetTimeout},
    Setting{"cache_mib", "SQLITE_EFS_CACHE_MIB", &SetCache},
    Setting{"wal_autocheckpoint", "SQLITE_EFS_WAL_AUTOCHECKPOINT", &SetAutocheckpoint},
    Setting{"lock_max_attempts", "SQLITE_LOCK_MAX_ATTEMPTS", &SetAttempts},
    Setting{"lock_expiration", "SQLITE_LOCK_EXPIRATION", &SetExpiration},
    Setting{"lease_linger_ms", "SQLITE_EFS_LEASE_LINGER_MS", &SetLinger},
    Setting{"freshness", "SQLITE_EFS_FRESHNESS", &SetFreshness},
    Setting{"lock_dynamodb_table", "SQLITE_LOCK_DYNAMODB_TABLE", &SetTable},
    Setting{"lock_former_name", nullptr, &SetFormerName},
    // SQLite's own: https://www.sqlite.org/uri.html
    Setting{"vfs", nullptr, &SetVfs},
    Setting{"mode", nullptr, &SetVfs},
    Setting{"cache", nullptr, &SetVfs},
    Setting{"psow", nullptr, &SetVfs},
    Setting{"nolock", nullptr, &RefuseTrue},
    Setting{"immutable", nullptr, &RefuseTrue},
};

const Setting* FindSetting(const std::string& parameter) {
  for (const Setting& setting : kSettings) {
    if (parameter == setting.parameter) return &setting;
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> ReadEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<Settings> ParseSettings(const std::vector<UriParameter>& parameters, const EnvironmentReader& environment) {
  Settings settings;
  settings.lambda_function = environment("AWS_LAMBDA_FUNCTION_NAME").value_or("");
  for (const Setting& setting : kSettings) {
    bool in_uri = false;
    for (const UriParameter& parameter : parameters) in_uri = in_uri || parameter.name == setting.parameter;
    if (setting.variable == nullptr || in_uri) continue;
    const std::optional<std::string> value = environment(setting.variable);
    if (!value || value->empty()) continue;
    EFS_RETURN_IF_ERROR(setting.set({"the environment variable " + std::string(setting.variable), *value}, &settings));
  }
  for (const UriParameter& parameter : parameters) {
    const Setting* setting = FindSetting(parameter.name);
    if (setting == nullptr) {
      return Status::Invalid(
          "the URI parameter \"" + parameter.name +
          "\" is unknown; known are timeout, cache_mib, wal_autocheckpoint, lock_max_attempts, lock_expiration, "
          "lease_linger_ms, freshness, lock_dynamodb_table, lock_former_name, and SQLite's vfs, mode, cache, psow");
    }
    EFS_RETURN_IF_ERROR(setting->set({"the URI parameter " + parameter.name, parameter.value}, &settings));
  }
  return settings;
}

Status CheckLeaseServesAll(const Settings& settings, const std::string& path) {
  if (settings.lambda_function.empty() || !settings.lock_dynamodb_table.empty()) return {};
  return Status::ReadOnly("attempt to write a readonly database: the Lambda function " + settings.lambda_function +
                          " may run on many machines at a time, and the embedded lease of " + path +
                          " serves one; set SQLITE_LOCK_DYNAMODB_TABLE (or the URI parameter lock_dynamodb_table) to "
                          "a DynamoDB table, which manage.py efs_create_lock_table makes");
}

StoreOptions OptionsOf(const Settings& settings) {
  StoreOptions options;
  options.cache_bytes = settings.cache_mib << 20;
  options.autocheckpoint_frames = settings.wal_autocheckpoint;
  options.lease.dynamodb_table = settings.lock_dynamodb_table;
  options.lease.expiration = std::chrono::seconds(settings.lock_expiration_s);
  options.lease.max_attempts = settings.lock_max_attempts;
  options.lease.linger = settings.lease_linger;
  return options;
}

}  // namespace sqlite_efs
