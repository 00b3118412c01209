#include "store/merger.h"

#include <algorithm>

#include "store/base_file.h"
#include "store/log.h"

namespace sqlite_efs {
namespace {

// No file server that this is made for stamps two changes more than this apart with the same time.
constexpr Duration kTick = std::chrono::milliseconds(50);
// How long by our own clock the base must have been left alone before it is worth while to look at the server's.
constexpr Duration kStampAge = std::chrono::milliseconds(100);
constexpr Duration kPoll = std::chrono::milliseconds(5);
constexpr Duration kPauseAfterFailure = std::chrono::seconds(5);
constexpr Duration kOldDebris = std::chrono::hours(1);

// The number that a name in the log directory begins with; nothing if it is not one of a segment's names.
std::optional<SegmentNumber> SegmentOf(const std::string& name) {
  return ParseSegmentName(name.substr(0, name.find('.')));
}

}  // namespace

Merger::~Merger() {
  if (poisoned_) (void)base_.release();  // its descriptor keeps the lock until the process ends
}

MergeCounters Merger::counters() const {
  const std::lock_guard lock(counters_mutex_);
  return counters_;
}

void Merger::SetObstacle(const std::string& obstacle) {
  const std::lock_guard lock(counters_mutex_);
  counters_.obstacle = obstacle;
}

// --- when

void Merger::MergeWhatIsDue() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || !IsDueLocked()) return;
  const Result<bool> locked = TryLockLocked();
  if (!locked.ok() || !*locked) {
    return FailLocked(locked.ok() ? Status::Busy("another process is merging " + layout_.base()) : locked.status());
  }
  const Result<Outcome> outcome = StepLocked();
  if (outcome.ok()) {
    SetObstacle("");
  } else {
    FailLocked(outcome.status());
  }
  if (!copy_) UnlockLocked();
}

// Whether the oldest sealed segment has been so for a while, out of politeness to those who read old states, or there
// are too many.
bool Merger::IsDueLocked() {
  const MergeLimits& limits = environment_.merge;
  const std::vector<std::shared_ptr<Segment>> segments = log_.segments();
  if (segments.size() < 2 || poisoned_) return false;
  const Instant now = environment_.clock.Now();
  if (pause_until_ && now < *pause_until_) return false;
  if (last_change_ && !copy_ && now - *last_change_ < kStampAge) return false;
  if (copy_ || segments.size() - 1 > limits.max_sealed_segments) return true;
  if (oldest_ != segments.front()->number()) {
    const Result<FileAttributes> attributes = segments.front()->Look();
    if (!attributes.ok()) return attributes.status().Is(StatusCode::kStale);  // somebody has merged it
    oldest_ = segments.front()->number();
    oldest_mtime_ns_ = attributes->mtime_ns;
  }
  return log_.server_time_ns() - oldest_mtime_ns_ >= limits.delay.count();
}

Status Merger::MergeAll(Instant deadline, const Progress& progress) {
  const std::lock_guard lock(mutex_);
  const bool was_locked = locked_;
  EFS_RETURN_IF_ERROR(LockLocked(deadline));
  uint64_t total_pages = 0;
  for (const std::shared_ptr<Segment>& segment : log_.segments()) total_pages += segment->index.distinct_pages();
  const uint64_t pages_before = counters().pages;
  Result<Outcome> outcome = StepLocked();
  while (outcome.ok() && *outcome != Outcome::kNothingToDo) {
    const uint64_t done = counters().pages - pages_before + (copy_ ? copy_->pages_done() : 0);
    if (progress) progress(std::min(done, total_pages), total_pages);
    if (*outcome == Outcome::kMustWait) {
      if (environment_.clock.Now() >= deadline) {
        outcome = Status::Busy("merging the log into " + layout_.base() + " ended at its timeout; try again");
        break;
      }
      environment_.clock.Sleep(kPoll);
    }
    outcome = StepLocked();
  }
  if (!outcome.ok()) FailLocked(outcome.status());
  if (!was_locked) UnlockLocked();
  return outcome.status();
}

void Merger::FailLocked(const Status& status) {
  SetObstacle(status.message());
  pause_until_ = environment_.clock.Now() + kPauseAfterFailure;
  copy_.reset();
}

// --- the lock

Status Merger::Lock(Instant deadline) {
  const std::lock_guard lock(mutex_);
  return LockLocked(deadline);
}

void Merger::Unlock() {
  const std::lock_guard lock(mutex_);
  UnlockLocked();
}

Status Merger::LockLocked(Instant deadline) {
  while (true) {
    EFS_ASSIGN_OR_RETURN(const bool locked, TryLockLocked());
    if (locked) return {};
    if (environment_.clock.Now() >= deadline) {
      return Status::Busy(layout_.base() + " is locked by another program; the wait ended at its timeout");
    }
    environment_.clock.Sleep(kPoll);
  }
}

Result<bool> Merger::TryLockLocked() {
  if (poisoned_) {
    return Status::IoError("nothing more is merged into " + layout_.base() +
                           " by this process, after a write to it failed; restart the process");
  }
  if (locked_) return true;
  if (!base_) {
    EFS_ASSIGN_OR_RETURN(base_, environment_.files.Open(layout_.base(), OpenMode::kReadWrite));
  }
  EFS_ASSIGN_OR_RETURN(locked_, base_->TryLock(kSqliteLockOffset, kSqliteLockLength));
  return locked_;
}

void Merger::UnlockLocked() {
  copy_.reset();
  if (!locked_ || poisoned_) return;
  locked_ = false;
  if (!base_->Unlock(kSqliteLockOffset, kSqliteLockLength).ok()) base_.reset();
}

// --- merging, with the lock held

// The next piece of work. The segment is chosen under the lock, by a fresh listing: neither a descriptor nor a cached
// name proves that it still exists.
Result<Merger::Outcome> Merger::StepLocked() {
  EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files_, layout_));
  const SegmentNumber oldest = listing.segments.front();
  EFS_RETURN_IF_ERROR(log_.DropMerged(oldest));
  if (oldest == listing.segments.back()) return Outcome::kNothingToDo;
  if (listing.HasName(layout_.copied(oldest))) return RemoveLocked(oldest, listing);
  return CopyLocked(oldest);
}

Result<Merger::Outcome> Merger::CopyLocked(SegmentNumber number) {
  if (copy_ && copy_->segment().number() != number) copy_.reset();
  if (!copy_) {
    EFS_ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment, Known(number));
    const SegmentEnd end = log_.EndOf(*segment);
    EFS_ASSIGN_OR_RETURN(copy_, SegmentCopy::Begin(std::move(segment), end, *base_));
  }
  const Result<bool> complete = copy_->CopyPiece(environment_.merge.step_pages);
  last_change_ = environment_.clock.Now();
  // A server that says "no space" keeps nothing for later; any other write that failed may still land.
  if (!complete.ok()) poisoned_ = !complete.status().Is(StatusCode::kFull);
  EFS_RETURN_IF_ERROR(complete.status());
  if (!*complete) return Outcome::kProgress;
  {
    const std::lock_guard lock(counters_mutex_);
    counters_.pages += copy_->pages_total();
  }
  copy_.reset();
  const Status noted = files_.Open(layout_.copied(number), OpenMode::kCreateNew).status();
  if (!noted.ok() && !noted.Is(StatusCode::kExists)) return noted;
  return Outcome::kProgress;
}

// The segment as this process knows it, with all that counts of it in the index.
Result<std::shared_ptr<Segment>> Merger::Known(SegmentNumber number) {
  for (int i = 0; i < 2; i++) {
    const std::vector<std::shared_ptr<Segment>> segments = log_.segments();
    for (const std::shared_ptr<Segment>& segment : segments) {
      if (segment->number() == number && segment != segments.back()) return segment;
    }
    EFS_RETURN_IF_ERROR(log_.Refresh().status());
  }
  return Status::Busy("log segment " + layout_.segment(number) + " is not known yet");
}

// What the segment holds is in the base, and durable.
Result<Merger::Outcome> Merger::RemoveLocked(SegmentNumber number, const LogListing& listing) {
  EFS_ASSIGN_OR_RETURN(const bool stamped, StampLocked());
  if (!stamped) return Outcome::kMustWait;
  EFS_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, Known(number));
  EFS_RETURN_IF_ERROR(WriteCounted(files_, layout_, *segment, log_.EndOf(*segment).frames));
  const Status renamed = files_.Rename(layout_.copied(number), layout_.merged(number));
  if (renamed.Is(StatusCode::kNotFound)) return Outcome::kMustWait;  // somebody was faster; a listing will show it
  EFS_RETURN_IF_ERROR(renamed);
  EFS_RETURN_IF_ERROR(files_.SyncDirectory(layout_.directory()));
  {
    const std::lock_guard lock(counters_mutex_);
    counters_.segments++;
  }
  RemoveDebris(listing, number);
  EFS_RETURN_IF_ERROR(log_.DropMerged({number.value + 1}));
  return Outcome::kProgress;
}

// Gives the base a time stamp that it had at no moment when it was being written to. Every host's system validates the
// pages that it has cached of the base by its attributes, and two changes within a tick look the same.
Result<bool> Merger::StampLocked() {
  const Instant now = environment_.clock.Now();
  if (last_change_ && now - *last_change_ < kStampAge) return false;
  EFS_ASSIGN_OR_RETURN(const FileAttributes before, base_->Look());
  last_change_ = now;
  EFS_RETURN_IF_ERROR(base_->Touch());
  EFS_ASSIGN_OR_RETURN(const FileAttributes after, base_->Look());
  return after.mtime_ns - before.mtime_ns >= Duration(kTick).count();
}

// Removes the names of segments up to `merged`, but for the one that tells of it, and what seals have left long ago.
void Merger::RemoveDebris(const LogListing& listing, SegmentNumber merged) {
  const std::string keep = FileNameOf(layout_.merged(merged));
  for (const std::string& name : listing.names) {
    const std::string path = layout_.directory() + "/" + name;
    const std::optional<SegmentNumber> segment = SegmentOf(name);
    bool remove = segment && *segment <= merged && name != keep;
    if (IsTemporary(name)) {
      const Result<FileAttributes> attributes = files_.Stat(path);
      remove = attributes.ok() && log_.server_time_ns() - attributes->mtime_ns > Duration(kOldDebris).count();
    }
    if (remove) (void)files_.Remove(path);
  }
}

}  // namespace sqlite_efs
