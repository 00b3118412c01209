#include <array>

#include "aws/credentials_sources.h"
#include "aws/profile.h"

namespace sqlite_efs {
namespace {

Status LeftToOthers(const Profile& profile, const std::string& setting) {
  return {StatusCode::kCantOpen,
          "the AWS profile '" + profile.name + "' has " + setting +
              ", which this library does not follow itself; botocore can (Python), or name keys"};
}

// The keys among `settings`; kNotFound if there are none.
Result<Credentials> KeysIn(const std::map<std::string, std::string>& settings, const std::string& path) {
  const auto get = [&](const char* name) {
    const auto found = settings.find(name);
    return found != settings.end() ? found->second : "";
  };
  Credentials credentials{.access_key_id = get("aws_access_key_id"),
                          .secret_access_key = get("aws_secret_access_key"),
                          .session_token = get("aws_security_token"),
                          .expires_at_ms = std::nullopt};
  if (credentials.session_token.empty()) credentials.session_token = get("aws_session_token");
  if (credentials.access_key_id.empty()) return Status(StatusCode::kNotFound, "no keys in " + path);
  if (credentials.secret_access_key.empty()) {
    return Status::Invalid(path + ": aws_access_key_id is there, but no aws_secret_access_key");
  }
  return credentials;
}

class ProfileCredentials : public CredentialsSource {
 public:
  explicit ProfileCredentials(const CredentialsWorld& world) : world_(world) {}

  Result<Credentials> Fetch(Duration /*limit*/) override {
    EFS_ASSIGN_OR_RETURN(const Profile profile, LoadProfile(world_.variables, *world_.files));
    for (const char* setting : {"sso_session", "sso_start_url"}) {
      if (!profile.Get(setting).empty()) return LeftToOthers(profile, setting);
    }
    const Result<Credentials> first = KeysIn(profile.credentials, profile.credentials_path);
    if (!first.status().Is(StatusCode::kNotFound)) return first;
    for (const char* setting : {"login_session", "credential_process"}) {
      if (!profile.Get(setting).empty()) return LeftToOthers(profile, setting);
    }
    const Result<Credentials> second = KeysIn(profile.config, profile.config_path);
    if (!second.status().Is(StatusCode::kNotFound)) return second;
    if (profile.config_path.empty()) {
      return Status(StatusCode::kNotFound, "there is no home directory (HOME) to have ~/.aws" + profile.remarks);
    }
    return Status(StatusCode::kNotFound, "there are no keys of the profile '" + profile.name + "' in " +
                                             profile.credentials_path + " and " + profile.config_path +
                                             profile.remarks);
  }

 private:
  const CredentialsWorld world_;
};

class AssumeRoleNotice : public CredentialsSource {
 public:
  explicit AssumeRoleNotice(const CredentialsWorld& world) : world_(world) {}

  Result<Credentials> Fetch(Duration /*limit*/) override {
    EFS_ASSIGN_OR_RETURN(const Profile profile, LoadProfile(world_.variables, *world_.files));
    if (!profile.Get("role_arn").empty() && profile.Get("web_identity_token_file").empty()) {
      return LeftToOthers(profile, "role_arn");
    }
    return Status(StatusCode::kNotFound, "the profile '" + profile.name + "' assumes no role");
  }

 private:
  const CredentialsWorld world_;
};

}  // namespace

std::unique_ptr<CredentialsSource> NewProfileCredentials(const CredentialsWorld& world) {
  return std::make_unique<ProfileCredentials>(world);
}

std::unique_ptr<CredentialsSource> NewAssumeRoleNotice(const CredentialsWorld& world) {
  return std::make_unique<AssumeRoleNotice>(world);
}

}  // namespace sqlite_efs
