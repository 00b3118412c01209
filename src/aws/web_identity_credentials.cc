#include <algorithm>
#include <array>

#include "aws/credentials_sources.h"
#include "aws/profile.h"
#include "aws/read_file.h"
#include "aws/sts_reply.h"

namespace sqlite_efs {
namespace {

constexpr const char* kWhat = "the web identity (AWS_WEB_IDENTITY_TOKEN_FILE)";

// The percent encoding of a form.
std::string Encode(const std::string& text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr const char* kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return encoded;
}

// What STS says no with, but may say yes to the next time.
Status ExplainRefusal(const HttpResponse& response) {
  const std::string code = ParseStsErrorCode(response.body);
  constexpr std::array<std::string_view, 3> kPassing = {"IDPCommunicationError", "Throttling", "RequestLimitExceeded"};
  const bool passes = response.status >= 500 || response.status == 429 ||
                      std::ranges::find(kPassing, std::string_view(code)) != kPassing.end();
  const std::string said = "STS refused " + std::string(kWhat) + ": " + (code.empty() ? "status" : code) +
                           (code.empty() ? " " + std::to_string(response.status) : "");
  if (passes) return {StatusCode::kUnavailable, said};
  return Status::Invalid(said +
                         "; the role's trust policy must allow this identity, and the token must be a fresh one");
}

class WebIdentityCredentials : public CredentialsSource {
 public:
  explicit WebIdentityCredentials(const CredentialsWorld& world) : world_(world) {}

  Result<Credentials> Fetch(Duration limit) override {
    EFS_ASSIGN_OR_RETURN(const Profile profile, LoadProfile(world_.variables, *world_.files));
    const auto get = [&](const char* variable, const char* setting) {
      const std::string value = world_.variables(variable);
      return value.empty() ? profile.Get(setting) : value;
    };
    const std::string token_file = get("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
    if (token_file.empty()) return Status(StatusCode::kNotFound, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    const std::string role = get("AWS_ROLE_ARN", "role_arn");
    if (role.empty()) {
      return Status::Invalid(
          "AWS_WEB_IDENTITY_TOKEN_FILE is set, but neither AWS_ROLE_ARN nor role_arn in the profile is");
    }
    std::string session = get("AWS_ROLE_SESSION_NAME", "role_session_name");
    if (session.empty()) session = "sqlite-efs-" + std::to_string(world_.clock->WallTime_ms() / 1000);
    // It is replaced by a fresh one now and then, so it is read each time.
    const Result<std::string> token = ReadFile(*world_.files, token_file);
    if (!token.ok()) return Status::Invalid(std::string(kWhat) + " has no token: " + token.status().message());
    return AskSts(role, session, *token, limit);
  }

 private:
  Result<Credentials> AskSts(const std::string& role, const std::string& session, const std::string& token,
                             Duration limit) {
    const HttpRequest request{.method = "POST",
                              .url = world_.sts_url,
                              .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                              .body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + Encode(role) +
                                      "&RoleSessionName=" + Encode(session) + "&WebIdentityToken=" + Encode(token),
                              .host_origin = world_.sts_host_origin};
    EFS_ASSIGN_OR_RETURN(const HttpResponse response, world_.http->Send(request, limit));
    if (response.status != 200) return ExplainRefusal(response);
    Result<Credentials> credentials = ParseStsReply(response.body);
    if (!credentials.ok()) return Status::Invalid(world_.sts_url + ": " + credentials.status().message());
    return credentials;
  }

  const CredentialsWorld world_;
};

}  // namespace

std::unique_ptr<CredentialsSource> NewWebIdentityCredentials(const CredentialsWorld& world) {
  return std::make_unique<WebIdentityCredentials>(world);
}

}  // namespace sqlite_efs
