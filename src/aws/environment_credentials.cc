#include "aws/credentials_sources.h"
#include "aws/timestamp.h"

namespace sqlite_efs {
namespace {

class EnvironmentCredentials : public CredentialsSource {
 public:
  explicit EnvironmentCredentials(const CredentialsWorld& world) : variables_(world.variables) {}

  Result<Credentials> Fetch(Duration /*limit*/) override {
    Credentials credentials{.access_key_id = variables_("AWS_ACCESS_KEY_ID"),
                            .secret_access_key = variables_("AWS_SECRET_ACCESS_KEY"),
                            .session_token = variables_("AWS_SECURITY_TOKEN"),
                            .expires_at_ms = std::nullopt};
    if (credentials.access_key_id.empty()) return Status(StatusCode::kNotFound, "AWS_ACCESS_KEY_ID is not set");
    if (credentials.secret_access_key.empty()) {
      return Status::Invalid("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not; set both or none");
    }
    if (credentials.session_token.empty()) credentials.session_token = variables_("AWS_SESSION_TOKEN");
    if (const std::string expires = variables_("AWS_CREDENTIAL_EXPIRATION"); !expires.empty()) {
      credentials.expires_at_ms = ParseTimestamp_ms(expires);
      if (!credentials.expires_at_ms) {
        return Status::Invalid("AWS_CREDENTIAL_EXPIRATION is no time as in 2026-01-02T03:04:05Z");
      }
    }
    return credentials;
  }

 private:
  const Variables variables_;
};

}  // namespace

std::unique_ptr<CredentialsSource> NewEnvironmentCredentials(const CredentialsWorld& world) {
  return std::make_unique<EnvironmentCredentials>(world);
}

}  // namespace sqlite_efs
