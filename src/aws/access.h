#ifndef SQLITE_EFS_AWS_ACCESS_H_
#define SQLITE_EFS_AWS_ACCESS_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/http_client.h"
#include "os/clock.h"

namespace sqlite_efs {

// What requests to AWS are made with.
struct AwsParts {
  AwsConfig config;
  std::unique_ptr<HttpClient> http;
  std::unique_ptr<CredentialsProvider> credentials;  // may use http
};

// The parts, made when they are first needed: who only reads a database needs no AWS settings. One serves a whole
// process, with its connections and its credentials; a child of fork() needs one of its own. Thread-safe.
class AwsAccess {
 public:
  explicit AwsAccess(std::function<Result<AwsParts>()> make) : make_(std::move(make)) {}

  // The parts, which live as long as this object; what failed is tried again by the next call.
  Result<AwsParts*> Open();
  // The same if they have been made, else null.
  const AwsParts* opened() const;

  // How far AWS's clock is ahead of this machine's, as far as that was found out.
  std::atomic<int64_t> clock_ahead_s{0};

 private:
  const std::function<Result<AwsParts>()> make_;
  mutable std::mutex mutex_;
  std::unique_ptr<AwsParts> parts_;
};

// The access that this process's environment and the shared AWS files describe. `files` and `clock` must outlive it.
std::shared_ptr<AwsAccess> NewAwsAccess(FileSystem& files, Clock& clock);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_ACCESS_H_
