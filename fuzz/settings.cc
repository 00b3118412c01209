// What a URI and the environment may say. The input: lines of the form name=value; those that begin with $ are of the
// environment.
#include "vfs/settings.h"

#include <map>

#include "input.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

namespace {

using GivenVariables = std::map<std::string, std::string>;

Result<Settings> Parse(const std::vector<UriParameter>& parameters, const GivenVariables& variables) {
  return ParseSettings(parameters, [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
}

void RequireLimits(const Settings& settings) {
  Require(settings.timeout >= Duration::zero() && settings.timeout <= std::chrono::hours(1), "timeout");
  Require(settings.cache_mib >= 1 && settings.cache_mib <= 16384, "cache_mib");
  Require(settings.lock_max_attempts >= 1 && settings.lock_max_attempts <= 1'000'000, "lock_max_attempts");
  Require(settings.lock_expiration_s <= 86'400, "lock_expiration");
}

// The settings as parameters, parsed again, are the same.
void RequireRoundTrip(const Settings& settings) {
  std::vector<UriParameter> parameters = {
      {"timeout", std::to_string(std::chrono::duration_cast<std::chrono::seconds>(settings.timeout).count())},
      {"cache_mib", std::to_string(settings.cache_mib)},
      {"lock_max_attempts", std::to_string(settings.lock_max_attempts)},
  };
  if (settings.lock_expiration_s != 0) {
    parameters.push_back({"lock_expiration", std::to_string(settings.lock_expiration_s)});
  }
  const Result<Settings> again = Parse(parameters, {});
  Require(again.ok(), "settings that were accepted are accepted again");
  Require(again->timeout <= settings.timeout && settings.timeout - again->timeout < std::chrono::seconds(1), "timeout");
  Require(again->cache_mib == settings.cache_mib && again->lock_max_attempts == settings.lock_max_attempts &&
              again->lock_expiration_s == settings.lock_expiration_s,
          "settings are read as they were made");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  std::vector<UriParameter> parameters;
  GivenVariables variables;
  while (!input.empty()) {
    const std::string line(input.TakeUntil('\n'));
    const size_t equals = std::min(line.find('='), line.size());
    const std::string value = equals < line.size() ? line.substr(equals + 1) : "";
    if (line.starts_with('$')) {
      variables[line.substr(1, equals - 1)] = value;
    } else {
      parameters.push_back({line.substr(0, equals), value});
    }
  }
  const Result<Settings> settings = Parse(parameters, variables);
  if (settings.ok()) {
    RequireLimits(*settings);
    RequireRoundTrip(*settings);
    return 0;
  }
  Require(settings.status().Is(StatusCode::kInvalid), "what is refused is invalid");
  bool named = false;
  for (const UriParameter& p : parameters)
    named = named || settings.status().message().find(p.name) != std::string::npos;
  for (const auto& [name, value] : variables)
    named = named || settings.status().message().find(name) != std::string::npos;
  Require(named, "an error names the parameter or the variable");
  return 0;
}
