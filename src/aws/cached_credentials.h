#ifndef SQLITE_EFS_AWS_CACHED_CREDENTIALS_H_
#define SQLITE_EFS_AWS_CACHED_CREDENTIALS_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "aws/credentials_source.h"

namespace sqlite_efs {

// Keeps what `source` fetches, and has it fetched anew before it expires: by one thread at a time, while the others go
// on with what is there.
class CachedCredentials : public CredentialsProvider {
 public:
  // New ones are asked for when these have less than that left. AWS has new ones for an instance or a container five
  // minutes before the old ones expire.
  static constexpr std::chrono::minutes kRefreshBefore{5};
  // So long, at least, after asking in vain, as long as the old ones are good.
  static constexpr std::chrono::seconds kRefreshPause{30};

  // `clock` must outlive it.
  CachedCredentials(std::unique_ptr<CredentialsSource> source, Clock& clock);

  Result<Credentials> Get(Duration limit) override;
  void Refused(const Credentials& credentials) override;

 private:
  enum class State { kNone, kStale, kFresh };  // what is in memory; stale: good to use, but time to fetch new ones
  State StateLocked() const;
  Result<Credentials> FetchLocked(std::unique_lock<std::mutex>& lock, Duration limit);

  const std::unique_ptr<CredentialsSource> source_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool fetching_ = false;  // by one thread, which alone uses source_
  std::optional<Credentials> current_;
  std::optional<Instant> next_try_;  // after a refresh in vain
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CACHED_CREDENTIALS_H_
