#include "aws/config.h"

#include <strings.h>

#include <array>
#include <utility>

#include "aws/endpoints.h"
#include "aws/libcurl.h"
#include "aws/profile.h"
#include "aws/shared_file.h"
#include "aws/url.h"

namespace sqlite_efs {
namespace {

// A value and where it was set, for messages.
struct Setting {
  std::string value;
  std::string origin;
};

// The settings of this environment and profile.
class Settings {
 public:
  Settings(const Variables& variables, Profile profile) : variables_(variables), profile_(std::move(profile)) {}

  Setting Variable(const char* name) const { return {variables_(name), name}; }
  Setting InProfile(const char* name) const { return {profile_.Get(name), Origin(name)}; }
  // The variable, else what the profile says.
  Setting Either(const char* variable, const char* in_profile) const {
    Setting setting = Variable(variable);
    return setting.value.empty() ? InProfile(in_profile) : setting;
  }
  bool IsTrue(const char* variable, const char* in_profile) const {
    return ::strcasecmp(Either(variable, in_profile).value.c_str(), "true") == 0;
  }
  // "endpoint_url" below `service` in the services section of the profile.
  Setting InServices(const char* service) const {
    const auto found = profile_.services.find(service);
    if (found == profile_.services.end()) return {};
    return {ParseNested(found->second)["endpoint_url"], Origin("services")};
  }
  const Profile& profile() const { return profile_; }

 private:
  std::string Origin(const char* name) const {
    return std::string(name) + " in the AWS profile '" + profile_.name + "'";
  }

  const Variables& variables_;
  const Profile profile_;
};

Result<Setting> FindRegion(const AwsSettings& given, const Settings& settings) {
  const std::array<Setting, 4> places = {Setting{given.region, "the program's settings"},
                                         settings.Variable("AWS_REGION"), settings.Variable("AWS_DEFAULT_REGION"),
                                         settings.InProfile("region")};
  for (const Setting& place : places) {
    if (place.value.empty()) continue;
    if (IsRegion(place.value)) return place;
    return Status::Invalid("the AWS region in " + place.origin + " cannot be one: it must be as in eu-west-1");
  }
  return Status::Invalid("no AWS region: set AWS_REGION, or region in the profile '" + settings.profile().name +
                         "' of " + settings.profile().config_path + settings.profile().remarks);
}

// What was configured in place of AWS's own endpoint; an empty value if nothing was.
Setting ConfiguredEndpoint(const std::string& service, const Settings& settings) {
  if (settings.IsTrue("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")) return {};
  std::string upper = service;
  for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
  const std::array<Setting, 4> places = {settings.Variable(("AWS_ENDPOINT_URL_" + upper).c_str()),
                                         settings.Variable("AWS_ENDPOINT_URL"), settings.InServices(service.c_str()),
                                         settings.InProfile("endpoint_url")};
  for (const Setting& place : places) {
    if (!place.value.empty()) return place;
  }
  return {};
}

struct Endpoint {
  std::string url;
  std::string host_origin;
};

Result<Endpoint> FindEndpoint(const std::string& service, const Setting& region, const Settings& settings,
                              const std::string& given) {
  const Setting endpoint =
      given.empty() ? ConfiguredEndpoint(service, settings) : Setting{given, "the program's settings"};
  if (endpoint.value.empty()) {
    const EndpointKind kind = {.fips = settings.IsTrue("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
                               .dual_stack = settings.IsTrue("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")};
    return Endpoint{EndpointUrl(service, region.value, kind),
                    "the region " + region.value + " (" + region.origin + ")"};
  }
  // Not with the value: a password may be in it.
  const std::optional<Url> url = ParseUrl(endpoint.value);
  if (!url || (url->scheme != "http" && url->scheme != "https") || url->path != "/" || url->has_more) {
    return Status::Invalid("the endpoint for " + service + " in " + endpoint.origin +
                           " cannot be used: it must be as in http://localhost:8000");
  }
  return Endpoint{url->scheme + "://" + url->host_and_port() + "/", ""};
}

}  // namespace

Result<AwsConfig> LoadAwsConfig(const AwsSettings& given, const Variables& variables, FileSystem& files) {
  EFS_RETURN_IF_ERROR(LoadLibCurl());
  EFS_ASSIGN_OR_RETURN(Profile profile, LoadProfile(variables, files));
  const Settings settings(variables, std::move(profile));
  AwsConfig config;
  EFS_ASSIGN_OR_RETURN(const Setting region, FindRegion(given, settings));
  EFS_ASSIGN_OR_RETURN(Endpoint dynamodb, FindEndpoint("dynamodb", region, settings, given.dynamodb_url));
  EFS_ASSIGN_OR_RETURN(Endpoint sts, FindEndpoint("sts", region, settings, ""));
  config.region = region.value;
  config.dynamodb_url = std::move(dynamodb.url);
  config.dynamodb_host_origin = std::move(dynamodb.host_origin);
  config.sts_url = std::move(sts.url);
  config.sts_host_origin = std::move(sts.host_origin);
  config.ca_bundle = settings.Either("AWS_CA_BUNDLE", "ca_bundle").value;
  if (config.ca_bundle.empty()) config.ca_bundle = variables("SSL_CERT_FILE");  // OpenSSL's own name for it
  return config;
}

}  // namespace sqlite_efs
