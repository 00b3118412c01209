#include <strings.h>

#include <algorithm>
#include <chrono>

#include "aws/credentials_json.h"
#include "aws/credentials_sources.h"
#include "aws/profile.h"
#include "aws/url.h"

namespace sqlite_efs {
namespace {

// A machine that is no EC2 instance has nobody there to answer, nor to refuse.
constexpr Duration kMaxAnswer = std::chrono::seconds(1);
constexpr const char* kTokenSeconds = "21600";
constexpr const char* kRolesPath = "latest/meta-data/iam/security-credentials/";

// Names of roles have these characters; it becomes part of a path.
bool IsRoleName(const std::string& name) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-";
  constexpr size_t kMaxRoleName = 128;
  return !name.empty() && name.size() <= kMaxRoleName && name.find_first_not_of(kAllowed) == std::string::npos;
}

class InstanceCredentials : public CredentialsSource {
 public:
  explicit InstanceCredentials(const CredentialsWorld& world) : world_(world) {}

  Result<Credentials> Fetch(Duration limit) override {
    const Instant end = world_.clock->Now() + limit;
    if (::strcasecmp(world_.variables("AWS_EC2_METADATA_DISABLED").c_str(), "true") == 0) {
      return Status(StatusCode::kNotFound, "AWS_EC2_METADATA_DISABLED is set");
    }
    EFS_ASSIGN_OR_RETURN(const std::string base, FindBase());
    const HttpRequest ask_token{.method = "PUT",
                                .url = base + "latest/api/token",
                                .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", kTokenSeconds}},
                                .without_proxy = true};
    const Duration left = end - world_.clock->Now();
    const Result<HttpResponse> token = world_.http->Send(ask_token, std::min(kMaxAnswer, left));
    if (!token.ok()) {
      // Only silence for long enough tells that nobody is there.
      return Status(left < kMaxAnswer ? StatusCode::kUnavailable : StatusCode::kNotFound,
                    "no EC2 instance metadata (" + token.status().message() +
                        "; from a container, the instance's metadata hop limit must be 2)");
    }
    if (token->status != 200) return Refusal("its token", *token);

    EFS_ASSIGN_OR_RETURN(const HttpResponse role, Get(base + kRolesPath, token->body, end));
    if (role.status == 404) return Status(StatusCode::kNotFound, "the EC2 instance has no role");
    if (role.status != 200) return Refusal("the name of the role", role);
    if (!IsRoleName(role.body)) return Status::Invalid("EC2 instance metadata names a role as no role can be called");
    EFS_ASSIGN_OR_RETURN(const HttpResponse keys, Get(base + kRolesPath + role.body, token->body, end));
    if (keys.status != 200) return Refusal("the role's credentials", keys);
    Result<Credentials> credentials = ParseCredentialsJson(keys.body);
    if (!credentials.ok()) return Status::Invalid("EC2 instance metadata: " + credentials.status().message());
    return credentials;
  }

 private:
  Result<HttpResponse> Get(const std::string& url, const std::string& token, Instant end) const {
    const HttpRequest request{
        .method = "GET", .url = url, .headers = {{"X-aws-ec2-metadata-token", token}}, .without_proxy = true};
    return world_.http->Send(request, std::min(kMaxAnswer, end - world_.clock->Now()));
  }

  Result<std::string> FindBase() const {
    EFS_ASSIGN_OR_RETURN(const Profile profile, LoadProfile(world_.variables, *world_.files));
    const auto get = [&](const char* variable, const char* setting) {
      const std::string value = world_.variables(variable);
      return value.empty() ? profile.Get(setting) : value;
    };
    std::string base = get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
    const std::string mode = get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
    if (base.empty())
      base = ::strcasecmp(mode.c_str(), "ipv6") == 0 ? "http://[fd00:ec2::254]/" : "http://169.254.169.254/";
    if (!base.ends_with('/')) base += '/';
    const std::optional<Url> url = ParseUrl(base);
    if (url && !url->has_more && (url->scheme == "http" || url->scheme == "https")) return base;
    return Status::Invalid("AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL as in http://169.254.169.254");
  }

  static Status Refusal(const std::string& what, const HttpResponse& response) {
    const std::string said =
        "EC2 instance metadata answered the question for " + what + " with status " + std::to_string(response.status);
    const bool passes = response.status >= 500 || response.status == 429;
    return passes ? Status(StatusCode::kUnavailable, said) : Status::Invalid(said);
  }

  const CredentialsWorld world_;
};

}  // namespace

std::unique_ptr<CredentialsSource> NewInstanceCredentials(const CredentialsWorld& world) {
  return std::make_unique<InstanceCredentials>(world);
}

}  // namespace sqlite_efs
