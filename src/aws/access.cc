#include "aws/access.h"

#include <utility>

#include "aws/curl_http_client.h"
#include "aws/default_credentials.h"
#include "aws/program_credentials.h"

namespace sqlite_efs {

Result<AwsParts*> AwsAccess::Open() {
  const std::lock_guard lock(mutex_);
  if (!parts_) {
    EFS_ASSIGN_OR_RETURN(AwsParts parts, make_());
    parts_ = std::make_unique<AwsParts>(std::move(parts));
  }
  return parts_.get();
}

const AwsParts* AwsAccess::opened() const {
  const std::lock_guard lock(mutex_);
  return parts_.get();
}

std::shared_ptr<AwsAccess> NewAwsAccess(FileSystem& files, Clock& clock) {
  return std::make_shared<AwsAccess>([&files, &clock]() -> Result<AwsParts> {
    AwsParts parts;
    EFS_ASSIGN_OR_RETURN(parts.config, LoadAwsConfig({}, ProcessVariables(), files));
    parts.http = NewCurlHttpClient(parts.config.ca_bundle);
    parts.credentials = NewDefaultCredentials(
        {ProcessVariables(), &files, parts.http.get(), &clock, parts.config.sts_url, parts.config.sts_host_origin},
        NewProgramCredentials());
    return parts;
  });
}

}  // namespace sqlite_efs
