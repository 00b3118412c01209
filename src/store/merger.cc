#include "store/merger.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/uuid.h"
#include "store/base_file.h"
#include "store/log.h"

namespace sqlite_efs {
namespace {

constexpr size_t kAllSegments = SIZE_MAX;
constexpr Duration kPoll = std::chrono::milliseconds(5);
constexpr Duration kLongestCatchUp = std::chrono::seconds(2);
constexpr Duration kPauseAfterFailure = std::chrono::seconds(5);
// How long a copying of another process that does not get on is left to it.
constexpr Duration kPatience = std::chrono::seconds(1);
constexpr Duration kOldDebris = std::chrono::hours(1);
constexpr size_t kIdSize = 36;  // of a UUID
constexpr uint32_t kPermissions = 0644;

// The number that a name in the log directory begins with; nothing if it is not one of a segment's names.
std::optional<SegmentNumber> SegmentOf(const std::string& name) {
  return ParseSegmentName(name.substr(0, name.find('.')));
}

// Keeps a descriptor, and the lock that it holds, until the process ends.
void KeepForEver(std::unique_ptr<File> file) {
  static std::mutex mutex;
  static auto* kept = new std::vector<std::unique_ptr<File>>;
  const std::lock_guard lock(mutex);
  kept->push_back(std::move(file));
}

}  // namespace

Merger::~Merger() {
  if (poisoned_) KeepForEver(std::move(base_));
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
  if (!lock.owns_lock()) return;
  const size_t segments = SegmentsDueLocked();
  if (segments == 0) return;
  const Timed merge(environment_.clock, watch_.metrics, Time::kMerge);
  const Result<bool> locked = TryLockLocked();
  if (!locked.ok() || !*locked) {
    return FailLocked(locked.ok() ? Status::Busy("another process is merging " + layout_.base()) : locked.status());
  }
  const Result<Outcome> outcome = StepLocked(segments);
  if (outcome.ok()) {
    SetObstacle("");
    if (*outcome == Outcome::kMustWait) look_again_at_ = environment_.clock.Now() + environment_.merge.tick;
    CatchUpLocked();
  } else {
    FailLocked(outcome.status());
  }
  UnlockLocked();
}

// Writers that are faster than the merge wait for it, for a bounded time.
void Merger::CatchUpLocked() {
  const Instant deadline = environment_.clock.Now() + kLongestCatchUp;
  while (log_.segments().size() > environment_.merge.max_waiting_segments && environment_.clock.Now() < deadline) {
    const Result<Outcome> outcome = StepLocked(kAllSegments);
    if (!outcome.ok()) return FailLocked(outcome.status());
    if (*outcome == Outcome::kNothingToDo) return;
    if (*outcome == Outcome::kMustWait) environment_.clock.Sleep(PauseLocked(deadline));
  }
}

// Until the file server's clock has ticked, if that is what has to be waited for.
Duration Merger::PauseLocked(Instant deadline) const {
  if (!last_change_) return kPoll;
  const Instant ticked = *last_change_ + 2 * environment_.merge.tick;
  return std::max<Duration>(std::min(ticked, deadline) - environment_.clock.Now(), kPoll);
}

// How many segments may be copied at a time: those that are too many, or one that has been sealed for a while, out of
// politeness to those who read old states. All of the former, since a copying takes some ticks whatever it copies, and
// meanwhile a writer may fill more than one.
size_t Merger::SegmentsDueLocked() {
  const MergeLimits& limits = environment_.merge;
  const std::vector<std::shared_ptr<Segment>> segments = log_.segments();
  if (segments.size() < 2 || poisoned_) return 0;
  const Instant now = environment_.clock.Now();
  if (pause_until_ && now < *pause_until_) return 0;
  // A writer that is to wait for the merge does so at once.
  const bool is_long = segments.size() > limits.max_waiting_segments;
  if (!is_long && look_again_at_ && now < *look_again_at_) return 0;
  if (!is_long && awaits_removal_ && now - *last_change_ < 2 * limits.tick) return 0;
  const size_t sealed = segments.size() - 1;
  if (sealed > limits.max_sealed_segments) return sealed - limits.max_sealed_segments;
  if (copy_ || awaits_removal_) return 1;
  if (oldest_ != segments.front()->number()) {
    const Result<FileAttributes> attributes = segments.front()->Look();
    if (!attributes.ok()) return attributes.status().Is(StatusCode::kStale) ? 1 : 0;  // stale: somebody has merged it
    oldest_ = segments.front()->number();
    oldest_mtime_ns_ = attributes->mtime_ns;
  }
  return log_.server_time_ns() - oldest_mtime_ns_ >= limits.delay.count() ? 1 : 0;
}

Status Merger::MergeAll(Instant deadline, const Progress& progress) {
  const std::lock_guard lock(mutex_);
  const Timed merge(environment_.clock, watch_.metrics, Time::kMerge);
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
      environment_.clock.Sleep(PauseLocked(deadline));
    }
    outcome = StepLocked(kAllSegments);
  }
  if (outcome.ok()) {
    SetObstacle("");
  } else {
    FailLocked(outcome.status());
  }
  if (!was_locked) UnlockLocked();
  return outcome.status();
}

void Merger::FailLocked(const Status& status) {
  SetObstacle(status.message());
  pause_until_ = environment_.clock.Now() + kPauseAfterFailure;
  copy_.reset();
  awaits_removal_ = false;
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
  // What this host still has in its cache must not come after what the next one writes.
  if (!synced_) poisoned_ = !base_->Sync().ok();
  if (poisoned_) return;
  synced_ = true;
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
  EFS_ASSIGN_OR_RETURN(const std::string last, LastCopying());
  for (const std::string& name : listing.names) {
    const std::optional<CopiedName> copied = ParseCopiedName(name);
    if (copied && copied->copying_id == last && listing.Has(copied->through)) return RemoveLocked(listing, *copied);
  }
  return CopyLocked(max_segments, listing.merged);
}

// The copying that was begun last; "" if there was none.
Result<std::string> Merger::LastCopying() const {
  Result<std::string> id = ReadSmallFile(files_, layout_.copying(), kIdSize);
  return id.status().Is(StatusCode::kNotFound) ? Result<std::string>(std::string()) : id;
}

// Takes away what says of other copyings that they are complete, before anything is written over theirs. kBusy if
// somebody who was stopped takes such a name at this moment.
Status Merger::RemoveCopiedNames(const LogListing& listing, const std::string& but_of_copying) {
  for (const std::string& name : listing.names) {
    const std::optional<CopiedName> copied = ParseCopiedName(name);
    if (!copied || copied->copying_id == but_of_copying) continue;
    const Status removed = files_.Remove(layout_.directory() + "/" + name);
    if (removed.Is(StatusCode::kNotFound)) return Status::Busy("another process is merging " + layout_.base());
    EFS_RETURN_IF_ERROR(removed);
  }
  return {};
}

// The segments are chosen under the lock, by a listing that no cache can answer, since this process has just changed
// the directory: neither a descriptor nor a cached name proves that a segment still exists.
Status Merger::BeginCopyLocked(size_t max_segments) {
  // A process that may not live for long begins nothing that takes more than a step, if it can be helped.
  const bool in_one_step = max_segments != kAllSegments && counters().pages == 0;
  copying_id_ = NewUuid();
  const std::string temporary = layout_.temporary();
  EFS_RETURN_IF_ERROR(WriteNewFile(files_, temporary, copying_id_, kPermissions));
  EFS_RETURN_IF_ERROR(files_.Rename(temporary, layout_.copying()));
  EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files_, layout_));
  EFS_RETURN_IF_ERROR(RemoveCopiedNames(listing, copying_id_));
  std::vector<SealedSegment> segments;
  size_t pages = 0;
  for (size_t i = 0; i + 1 < listing.segments.size() && i < max_segments; i++) {
    EFS_ASSIGN_OR_RETURN(SealedSegment sealed, Known(listing.segments[i]));
    pages += sealed.segment->index.distinct_pages();
    if (in_one_step && i > 0 && pages > environment_.merge.step_pages) break;
    segments.push_back(std::move(sealed));
  }
  if (segments.empty()) return Status::Busy("another process has merged the log of " + layout_.base());
  EFS_ASSIGN_OR_RETURN(copy_, PageCopy::Begin(std::move(segments), *base_));
  return {};
}

// Whether another process is in the middle of a copying, and gets on: processes that write in turn would begin anew for
// ever, each what the other has begun. Whoever keeps the lock has nobody to wait for.
Result<bool> Merger::IsLeftToAnotherLocked(SegmentNumber merged) {
  EFS_ASSIGN_OR_RETURN(const std::string last, LastCopying());
  if (last.empty() || last == copying_id_) return false;
  if (merged.value != 0) {
    const Result<std::string> finished = ReadSmallFile(files_, layout_.merged(merged), kIdSize);
    if (finished.ok() && *finished == last) return false;
  }
  EFS_ASSIGN_OR_RETURN(const FileAttributes base, base_->Look());
  const Instant now = environment_.clock.Now();
  if (other_copy_ != last || other_copy_mtime_ns_ != base.mtime_ns) {
    other_copy_ = last;
    other_copy_mtime_ns_ = base.mtime_ns;
    other_copy_seen_ = now;
  }
  return now - other_copy_seen_ < kPatience;
}

Result<Merger::Outcome> Merger::CopyLocked(size_t max_segments, SegmentNumber merged) {
  if (copy_) {
    EFS_ASSIGN_OR_RETURN(const std::string last, LastCopying());
    if (last != copying_id_) copy_.reset();
  }
  if (!copy_ && max_segments != kAllSegments) {
    EFS_ASSIGN_OR_RETURN(const bool left_to_another, IsLeftToAnotherLocked(merged));
    if (left_to_another) return Outcome::kMustWait;
  }
  if (!copy_) EFS_RETURN_IF_ERROR(BeginCopyLocked(max_segments));
  const Result<bool> complete = copy_->CopyPiece(environment_.merge.step_pages);
  last_change_ = environment_.clock.Now();
  poisoned_ = copy_->write_failed();
  synced_ = copy_->synced();
  EFS_RETURN_IF_ERROR(complete.status());
  if (!*complete) return Outcome::kProgress;
  {
    const std::lock_guard lock(counters_mutex_);
    counters_.pages += copy_->pages_total();
  }
  watch_.metrics.Add(Count::kMerges);
  watch_.metrics.Add(Count::kPagesMerged, copy_->pages_total());
  const SegmentNumber through = copy_->through();
  copy_.reset();
  EFS_RETURN_IF_ERROR(WriteNewFile(files_, layout_.copied(through, copying_id_), copying_id_, kPermissions));
  awaits_removal_ = true;
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

// What the segments up to the one of that name hold is in the base, and durable.
Result<Merger::Outcome> Merger::RemoveLocked(const LogListing& listing, const CopiedName& copied) {
  const SegmentNumber through = copied.through;
  EFS_ASSIGN_OR_RETURN(const bool stamped, StampLocked());
  if (!stamped) return Outcome::kMustWait;
  uint64_t frames = 0;
  for (const SegmentNumber number : listing.segments) {
    if (number > through) break;
    EFS_ASSIGN_OR_RETURN(const SealedSegment sealed, Known(number));
    frames += sealed.end.frames.value;
    EFS_RETURN_IF_ERROR(WriteCounted(files_, layout_, *sealed.segment, sealed.end.frames));
  }
  const Status renamed = files_.Rename(layout_.copied(through, copied.copying_id), layout_.merged(through));
  if (renamed.Is(StatusCode::kNotFound)) return Outcome::kMustWait;  // somebody was faster; a listing will show it
  EFS_RETURN_IF_ERROR(renamed);
  EFS_RETURN_IF_ERROR(files_.SyncDirectory(layout_.directory()));
  NoteRemoval(through.value - listing.segments.front().value + 1, frames);
  awaits_removal_ = false;
  RemoveDebris(listing, through);
  EFS_RETURN_IF_ERROR(log_.DropMerged({through.value + 1}));
  return Outcome::kProgress;
}

void Merger::NoteRemoval(uint64_t segments, uint64_t frames) {
  {
    const std::lock_guard lock(counters_mutex_);
    counters_.segments += segments;
  }
  watch_.metrics.Add(Count::kSegmentsMerged, segments);
  watch_.metrics.Add(Count::kFramesMerged, frames);
  watch_.Tell(environment_.clock, "merge",
              {{"segments", static_cast<int64_t>(segments)}, {"frames", static_cast<int64_t>(frames)}});
}

// One attempt of what StampBase() does: nobody waits for the clock after a commit.
Result<bool> Merger::StampLocked() {
  const Duration tick = environment_.merge.tick;
  const Instant now = environment_.clock.Now();
  if (last_change_ && now - *last_change_ < 2 * tick) return false;
  EFS_ASSIGN_OR_RETURN(const FileAttributes before, base_->Look());
  last_change_ = now;
  EFS_ASSIGN_OR_RETURN(const FileAttributes after, base_->TouchAndLook());
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
