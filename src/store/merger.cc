#include "store/merger.h"

#include <algorithm>

#include "base/uuid.h"
#include "store/base_file.h"
#include "store/log.h"

namespace sqlite_efs {
namespace {

constexpr size_t kOneSegment = 1;
constexpr size_t kAllSegments = SIZE_MAX;
constexpr Duration kPoll = std::chrono::milliseconds(5);
constexpr Duration kPauseAfterFailure = std::chrono::seconds(5);
constexpr Duration kOldDebris = std::chrono::hours(1);
constexpr size_t kIdSize = 36;  // of a UUID
constexpr uint32_t kPermissions = 0644;

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
  const Result<Outcome> outcome = StepLocked(kOneSegment);
  if (outcome.ok()) {
    SetObstacle("");
  } else {
    FailLocked(outcome.status());
  }
  UnlockLocked();
}

// Whether the oldest sealed segment has been so for a while, out of politeness to those who read old states, or there
// are too many.
bool Merger::IsDueLocked() {
  const MergeLimits& limits = environment_.merge;
  const std::vector<std::shared_ptr<Segment>> segments = log_.segments();
  if (segments.size() < 2 || poisoned_) return false;
  const Instant now = environment_.clock.Now();
  if (pause_until_ && now < *pause_until_) return false;
  if (last_change_ && !copy_ && now - *last_change_ < 2 * limits.tick) return false;
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
  Result<Outcome> outcome = StepLocked(kAllSegments);
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
    outcome = StepLocked(kAllSegments);
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
  if (!locked_ || poisoned_) return;
  locked_ = false;
  if (base_->Unlock(kSqliteLockOffset, kSqliteLockLength).ok()) return;
  copy_.reset();  // it writes to the descriptor that is closed now, which gives the lock back
  base_.reset();
}

// --- merging, with the lock held

Result<Merger::Outcome> Merger::StepLocked(size_t max_segments) {
  EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files_, layout_));
  EFS_RETURN_IF_ERROR(log_.DropMerged(listing.segments.front()));
  if (listing.segments.size() == 1) return Outcome::kNothingToDo;
  for (const SegmentNumber number : listing.segments) {
    if (!listing.HasName(layout_.copied(number))) continue;
    EFS_ASSIGN_OR_RETURN(const std::string id, ReadSmallFile(files_, layout_.copied(number), kIdSize));
    EFS_ASSIGN_OR_RETURN(const bool valid, IsLastCopy(id));
    if (valid) return RemoveLocked(listing, number);
    // Somebody has copied older pages over it since: of a merger that was stopped when it had copied all.
    EFS_RETURN_IF_ERROR(files_.Remove(layout_.copied(number)));
  }
  return CopyLocked(max_segments);
}

// Whether no copy was begun since the one of that name.
Result<bool> Merger::IsLastCopy(const std::string& id) const {
  EFS_ASSIGN_OR_RETURN(const std::string last, ReadSmallFile(files_, layout_.copying(), kIdSize));
  return last == id;
}

// Gives a name to a file of that content, in one step, in the place of one that has it.
Status Merger::WriteName(const std::string& path, const std::string& content) {
  const std::string temporary = layout_.temporary();
  EFS_RETURN_IF_ERROR(WriteNewFile(files_, temporary, content, kPermissions));
  return files_.Rename(temporary, path);
}

// The segments are chosen under the lock, by a listing that no cache can answer, since this process has just changed
// the directory: neither a descriptor nor a cached name proves that a segment still exists.
Status Merger::BeginCopyLocked(size_t max_segments) {
  copy_id_ = NewUuid();
  EFS_RETURN_IF_ERROR(WriteName(layout_.copying(), copy_id_));
  EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files_, layout_));
  std::vector<SealedSegment> segments;
  for (size_t i = 0; i + 1 < listing.segments.size() && i < max_segments; i++) {
    EFS_ASSIGN_OR_RETURN(SealedSegment sealed, Known(listing.segments[i]));
    segments.push_back(std::move(sealed));
  }
  if (segments.empty()) return Status::Busy("another process has merged the log of " + layout_.base());
  EFS_ASSIGN_OR_RETURN(copy_, PageCopy::Begin(std::move(segments), *base_));
  return {};
}

Result<Merger::Outcome> Merger::CopyLocked(size_t max_segments) {
  if (copy_) {
    EFS_ASSIGN_OR_RETURN(const bool last, IsLastCopy(copy_id_));
    if (!last) copy_.reset();
  }
  if (!copy_) EFS_RETURN_IF_ERROR(BeginCopyLocked(max_segments));
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
  const SegmentNumber through = copy_->through();
  copy_.reset();
  EFS_RETURN_IF_ERROR(WriteName(layout_.copied(through), copy_id_));
  return Outcome::kProgress;
}

// The segment as this process knows it, with all that counts of it in the index.
Result<SealedSegment> Merger::Known(SegmentNumber number) {
  for (int i = 0; i < 2; i++) {
    const std::vector<std::shared_ptr<Segment>> segments = log_.segments();
    for (const std::shared_ptr<Segment>& segment : segments) {
      if (segment->number() == number && segment != segments.back())
        return SealedSegment{segment, log_.EndOf(*segment)};
    }
    EFS_RETURN_IF_ERROR(log_.Refresh().status());
  }
  return Status::Busy("log segment " + layout_.segment(number) + " is not known yet");
}

// What the segments up to `through` hold is in the base, and durable.
Result<Merger::Outcome> Merger::RemoveLocked(const LogListing& listing, SegmentNumber through) {
  EFS_ASSIGN_OR_RETURN(const bool stamped, StampLocked());
  if (!stamped) return Outcome::kMustWait;
  for (const SegmentNumber number : listing.segments) {
    if (number > through) break;
    EFS_ASSIGN_OR_RETURN(const SealedSegment sealed, Known(number));
    EFS_RETURN_IF_ERROR(WriteCounted(files_, layout_, *sealed.segment, sealed.end.frames));
  }
  const Status renamed = files_.Rename(layout_.copied(through), layout_.merged(through));
  if (renamed.Is(StatusCode::kNotFound)) return Outcome::kMustWait;  // somebody was faster; a listing will show it
  EFS_RETURN_IF_ERROR(renamed);
  EFS_RETURN_IF_ERROR(files_.SyncDirectory(layout_.directory()));
  {
    const std::lock_guard lock(counters_mutex_);
    counters_.segments += through.value - listing.segments.front().value + 1;
  }
  RemoveDebris(listing, through);
  EFS_RETURN_IF_ERROR(log_.DropMerged({through.value + 1}));
  return Outcome::kProgress;
}

// One attempt of what StampBase() does: nobody waits for the clock after a commit.
Result<bool> Merger::StampLocked() {
  const Duration tick = environment_.merge.tick;
  const Instant now = environment_.clock.Now();
  if (last_change_ && now - *last_change_ < 2 * tick) return false;
  EFS_ASSIGN_OR_RETURN(const FileAttributes before, base_->Look());
  last_change_ = now;
  EFS_RETURN_IF_ERROR(base_->Touch());
  EFS_ASSIGN_OR_RETURN(const FileAttributes after, base_->Look());
  return after.mtime_ns - before.mtime_ns >= tick.count();
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
