#include "aws/cached_credentials.h"

#include <utility>

namespace sqlite_efs {

CachedCredentials::CachedCredentials(std::unique_ptr<CredentialsSource> source, Clock& clock)
    : source_(std::move(source)), clock_(clock) {}

Result<Credentials> CachedCredentials::Get(Duration limit) {
  const Instant begin = clock_.Now();
  std::unique_lock lock(mutex_);
  if (StateLocked() == State::kNone &&
      !clock_.Wait(changed_, lock, limit, [&] { return !fetching_ || StateLocked() != State::kNone; })) {
    return Status(StatusCode::kUnavailable, "AWS credentials are being fetched, and have not arrived in time");
  }
  const State state = StateLocked();
  const bool fetch = state == State::kNone || (state == State::kStale && !fetching_);
  if (!fetch) return *current_;
  return FetchLocked(lock, limit - (clock_.Now() - begin));
}

void CachedCredentials::Refused(const Credentials& credentials) {
  const std::lock_guard lock(mutex_);
  if (current_ == credentials) current_.reset();
}

CachedCredentials::State CachedCredentials::StateLocked() const {
  if (!current_) return State::kNone;
  if (!current_->expires_at_ms) return State::kFresh;
  const std::chrono::milliseconds left(*current_->expires_at_ms - clock_.WallTime_ms());
  if (left.count() <= 0) return State::kNone;
  const bool due = left < kRefreshBefore && (!next_try_ || clock_.Now() >= *next_try_);
  return due ? State::kStale : State::kFresh;
}

Result<Credentials> CachedCredentials::FetchLocked(std::unique_lock<std::mutex>& lock, Duration limit) {
  fetching_ = true;
  lock.unlock();
  Result<Credentials> fetched = source_->Fetch(limit);
  lock.lock();
  fetching_ = false;
  changed_.notify_all();
  const bool old_is_good = StateLocked() != State::kNone;
  // Without a pause, the same ones would be fetched again and again.
  next_try_ = clock_.Now() + kRefreshPause;
  if (fetched.ok() && !(fetched->expires_at_ms && *fetched->expires_at_ms <= clock_.WallTime_ms())) {
    current_ = *fetched;
    return fetched;
  }
  if (old_is_good) return *current_;
  if (!fetched.ok()) return fetched;
  return Status::Invalid("the AWS credentials have expired; get new ones, and see that this machine's clock is right");
}

}  // namespace sqlite_efs
