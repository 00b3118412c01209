#include "aws/default_credentials.h"

#include <utility>
#include <vector>

#include "aws/cached_credentials.h"
#include "aws/credentials_sources.h"

namespace sqlite_efs {
namespace {

// The first of several places that is set up.
class FirstOf : public CredentialsSource {
 public:
  FirstOf(std::vector<std::unique_ptr<CredentialsSource>> sources, std::unique_ptr<CredentialsSource> last,
          Clock& clock)
      : sources_(std::move(sources)), last_(std::move(last)), clock_(clock) {}

  Result<Credentials> Fetch(Duration limit) override {
    if (chosen_ != nullptr) return FetchAgain(limit);
    const Instant end = clock_.Now() + limit;
    std::string seen;
    Status left_to_others;
    for (const std::unique_ptr<CredentialsSource>& source : sources_) {
      Result<Credentials> found = source->Fetch(end - clock_.Now());
      if (found.status().Is(StatusCode::kCantOpen)) {
        left_to_others = found.status();
        seen.clear();
        break;
      }
      if (!found.status().Is(StatusCode::kNotFound)) return Choose(source.get(), std::move(found));
      seen += "\n  " + found.status().message();
    }
    if (last_ != nullptr) {
      Result<Credentials> found = last_->Fetch(end - clock_.Now());
      if (!found.status().Is(StatusCode::kNotFound)) return Choose(last_.get(), std::move(found));
      seen += "\n  " + found.status().message();
    }
    if (!left_to_others.ok()) return Status::Invalid(left_to_others.message() + (last_ != nullptr ? seen : ""));
    return Status::Invalid(
        "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine, container or "
        "function a role. What was looked at:" +
        seen);
  }

 private:
  Result<Credentials> Choose(CredentialsSource* source, Result<Credentials> found) {
    if (found.ok()) chosen_ = source;
    return found;
  }

  // A place that had credentials before is never "not set up", only out of reach.
  Result<Credentials> FetchAgain(Duration limit) {
    Result<Credentials> found = chosen_->Fetch(limit);
    if (!found.status().Is(StatusCode::kNotFound) && !found.status().Is(StatusCode::kCantOpen)) return found;
    return Status(StatusCode::kUnavailable,
                  "the AWS credentials that were here before are gone: " + found.status().message());
  }

  const std::vector<std::unique_ptr<CredentialsSource>> sources_;
  const std::unique_ptr<CredentialsSource> last_;
  Clock& clock_;
  CredentialsSource* chosen_ = nullptr;
};

}  // namespace

std::unique_ptr<CredentialsProvider> NewDefaultCredentials(const CredentialsWorld& world,
                                                           std::unique_ptr<CredentialsSource> last) {
  std::vector<std::unique_ptr<CredentialsSource>> sources;
  sources.push_back(NewEnvironmentCredentials(world));
  sources.push_back(NewAssumeRoleNotice(world));
  sources.push_back(NewWebIdentityCredentials(world));
  sources.push_back(NewProfileCredentials(world));
  sources.push_back(NewContainerCredentials(world));
  sources.push_back(NewInstanceCredentials(world));
  return std::make_unique<CachedCredentials>(
      std::make_unique<FirstOf>(std::move(sources), std::move(last), *world.clock), *world.clock);
}

}  // namespace sqlite_efs
