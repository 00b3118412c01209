#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "aws/credentials_json.h"
#include "aws/credentials_sources.h"
#include "aws/read_file.h"
#include "aws/url.h"

namespace sqlite_efs {
namespace {

constexpr const char* kWhat = "the container's credentials endpoint";

// Where a token may be sent without TLS: this machine, and the addresses of ECS and EKS on the link.
bool IsNear(const std::string& host) {
  constexpr std::array<std::string_view, 5> kHosts = {"localhost", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
                                                      "[::1]"};
  const auto in_address = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
  const bool loopback = host.starts_with("127.") && std::ranges::all_of(host, in_address);
  return loopback || std::ranges::find(kHosts, std::string_view(host)) != kHosts.end();
}

class ContainerCredentials : public CredentialsSource {
 public:
  explicit ContainerCredentials(const CredentialsWorld& world) : world_(world) {}

  Result<Credentials> Fetch(Duration limit) override {
    EFS_ASSIGN_OR_RETURN(const std::string url, FindUrl());
    HttpRequest request{
        .method = "GET", .url = url, .headers = {{"Accept", "application/json"}}, .without_proxy = true};
    EFS_ASSIGN_OR_RETURN(const std::string token, FindToken());
    if (!token.empty()) request.headers.push_back({"Authorization", token});
    EFS_ASSIGN_OR_RETURN(const HttpResponse response, world_.http->Send(request, limit));
    const std::string status = std::string(kWhat) + " answered with status " + std::to_string(response.status);
    if (response.status >= 500 || response.status == 429) return Status(StatusCode::kUnavailable, status);
    if (response.status != 200) return Status::Invalid(status + "; has this container or pod a role?");
    Result<Credentials> credentials = ParseCredentialsJson(response.body);
    if (!credentials.ok()) return Status::Invalid(std::string(kWhat) + ": " + credentials.status().message());
    return credentials;
  }

 private:
  Result<std::string> FindUrl() const {
    const std::string relative = world_.variables("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (!relative.empty()) {
      if (relative.front() == '/') return "http://169.254.170.2" + relative;
      return Status::Invalid("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with /");
    }
    const std::string full = world_.variables("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (full.empty()) {
      return Status(StatusCode::kNotFound, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set");
    }
    const std::optional<Url> url = ParseUrl(full);
    if (url && (url->scheme == "https" || (url->scheme == "http" && IsNear(url->host)))) return full;
    return Status::Invalid(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to this machine or to ECS's or EKS's own addresses");
  }

  // What the endpoint wants to see; "" if nothing.
  Result<std::string> FindToken() const {
    const std::string path = world_.variables("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    std::string token = world_.variables("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (!path.empty()) {
      Result<std::string> text = ReadFile(*world_.files, path);
      if (!text.ok()) {
        return Status::Invalid("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read: " + text.status().message());
      }
      token = std::move(*text);
    }
    return token;
  }

  const CredentialsWorld world_;
};

}  // namespace

std::unique_ptr<CredentialsSource> NewContainerCredentials(const CredentialsWorld& world) {
  return std::make_unique<ContainerCredentials>(world);
}

}  // namespace sqlite_efs
