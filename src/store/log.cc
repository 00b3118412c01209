#include "store/log.h"

#include <algorithm>
#include <utility>

#include "store/generations.h"

namespace sqlite_efs {
namespace {

// No file server that this is made for stamps two changes 40 ms apart with the same time; and this host's clock may be
// a fifth too fast.
constexpr Duration kAttributeTick = std::chrono::milliseconds(50);
// How long a reader that may not write waits for somebody to finish a seal.
constexpr Duration kSuccessorTimeout = std::chrono::seconds(5);
constexpr Duration kBirth = std::chrono::milliseconds(50);
// How long a reader leaves a seal to whoever has begun it: most are finished in a moment, and one may be a detach.
constexpr Duration kPatience = std::chrono::milliseconds(100);
constexpr Duration kSuccessorPoll = std::chrono::milliseconds(5);
// More generations than this cannot come and go during one look.
constexpr int kMaxGenerations = 1000;

void RaiseTo(std::atomic<int64_t>& highest, int64_t value) {
  int64_t known = highest;
  while (value > known && !highest.compare_exchange_weak(known, value)) {
  }
}

}  // namespace

Result<std::unique_ptr<Log>> Log::Open(FileSystem& files, Clock& clock, const Layout& layout, uint32_t page_size,
                                       const std::vector<SegmentNumber>& listed, PageCache& cache,
                                       BeforeDrop before_drop, Watch& watch) {
  std::unique_ptr<Log> log(new Log(files, clock, layout, page_size, cache, std::move(before_drop), watch));
  const std::lock_guard follow(log->follow_mutex_);
  const Instant begun = clock.Now();
  EFS_ASSIGN_OR_RETURN(const OpenedSegment last, log->OpenSegmentsLocked(listed));
  EFS_ASSIGN_OR_RETURN(const LogPosition newest, log->FollowLocked(Looked{last.attributes, begun}, last.frames));
  (void)newest;
  return log;
}

// Returns the last one, whose opening was a look, too.
Result<OpenedSegment> Log::OpenSegmentsLocked(const std::vector<SegmentNumber>& listed) {
  OpenedSegment last;
  for (const SegmentNumber number : listed) {
    EFS_ASSIGN_OR_RETURN(OpenedSegment opened, Segment::OpenAndRead(files_, layout_, number, page_size_));
    if (last.segment) {
      EFS_RETURN_IF_ERROR(CompleteLocked(*last.segment, opened.segment->header().counted_of_previous, last.frames));
    }
    last = std::move(opened);
    const std::unique_lock lock(mutex_);
    segments_.push_back(last.segment);
  }
  return last;
}

Result<LogPosition> Log::Refresh() {
  const std::shared_ptr<Segment> segment = live();
  const LastLook last = last_look();
  // Asked before the look: what others write after the end of a tenure, this caller need not see.
  const bool owned = owned_ == segment->number().value;
  if (!last.settled && !owned && last.attributes.size != 0) {
    const std::lock_guard follow(follow_mutex_);
    return live() == segment ? ReadThenLookLocked(*segment) : FollowLocked();
  }
  EFS_ASSIGN_OR_RETURN(const Looked looked, LookAt(*segment));
  if ((last.settled || owned) && looked.attributes == last.attributes) {
    NoteAsOf(looked.begun);
    return newest();
  }
  const std::lock_guard follow(follow_mutex_);
  if (live() != segment) return FollowLocked();
  return FollowLocked(looked);
}

// A look that is not settled would be followed by a reading whatever it shows, and by another look if that finds
// anything. So the reading comes first. It has all that was acknowledged before it, if the look after it shows that the
// segment was neither sealed nor larger than what was read.
Result<LogPosition> Log::ReadThenLookLocked(Segment& live) {
  LastLook look = last_look();
  const Instant begun = clock_.Now();
  watch_.metrics.Add(Count::kScans);
  const Result<NewFrames> found = live.Scan(EndOf(live), look.attributes.size);
  if (!found.ok()) return FollowLocked();  // perhaps because it was sealed
  // As in PickUpLocked().
  if (!found->pages.empty()) EFS_RETURN_IF_ERROR(live.Sync());
  EFS_ASSIGN_OR_RETURN(const Looked looked, LookAt(live));
  const bool whole = looked.attributes.size == look.attributes.size;
  if (!whole || StateOf(looked.attributes) != SegmentState::kLive) return FollowLocked(looked);
  if (!found->pages.empty()) Believe(live, *found);
  if (look.attributes != looked.attributes) look = {looked.attributes, clock_.Now(), false};
  // By the time before the reading: it may have been slow, and what it found may be as old as its beginning.
  look.settled = begun - look.first_seen >= kAttributeTick;
  Remember(look);
  NoteAsOf(begun);
  return newest();
}

Result<Log::Looked> Log::LookAt(const Segment& segment) {
  watch_.metrics.Add(Count::kLooks);
  const Instant begun = clock_.Now();
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, segment.Look());
  return Looked{attributes, begun};
}

// Follows the generations to the live segment and picks up what was added to it. `looked` is a look at the present
// one, if there was one just now, and `read` what was read of it then, if nothing was before.
Result<LogPosition> Log::FollowLocked(std::optional<Looked> looked, Bytes read) {
  for (int i = 0; i < kMaxGenerations; i++) {
    const std::shared_ptr<Segment> segment = live();
    if (!looked) {
      EFS_ASSIGN_OR_RETURN(looked, LookAt(*segment));
    }
    const Looked present = *std::exchange(looked, std::nullopt);
    if (StateOf(present.attributes) != SegmentState::kLive) {
      EFS_RETURN_IF_ERROR(AdvanceLocked(*segment));
      read = {};
      continue;
    }
    EFS_ASSIGN_OR_RETURN(const bool believed, PickUpLocked(*segment, present, std::exchange(read, {})));
    if (believed) return newest();
  }
  return Status::Busy("the log in " + layout_.directory() + " was sealed faster than it could be followed; try again");
}

// Reads what was added to the live segment. False: the segment was sealed meanwhile, so that it is not known whether
// the frames count.
Result<bool> Log::PickUpLocked(Segment& live, const Looked& looked, Bytes read) {
  LastLook look = last_look();
  if (look.attributes != looked.attributes) look = {looked.attributes, clock_.Now(), false};
  const SegmentEnd end = EndOf(live);
  watch_.metrics.Add(Count::kScans);
  EFS_ASSIGN_OR_RETURN(const NewFrames found, live.Scan(end, looked.attributes.size, kNoLimit, read));
  if (!found.pages.empty()) {
    // They may be in this host's cache only, and never get to the server: nobody must have seen them then. Costs no
    // round trip where nothing is on its way.
    EFS_RETURN_IF_ERROR(live.Sync());
    watch_.metrics.Add(Count::kLooks);
    EFS_ASSIGN_OR_RETURN(const FileAttributes again, live.Look());
    if (StateOf(again) != SegmentState::kLive) return false;
    Believe(live, found);
  }
  Remember(look);
  NoteAsOf(looked.begun);
  return true;
}

// `ended` is not live: opens its successor, finishing the seal if nobody has. Segments that were merged leave the
// index.
Status Log::AdvanceLocked(Segment& ended) {
  const SegmentNumber next_number = {ended.number().value + 1};
  EFS_ASSIGN_OR_RETURN(LogListing listing, ListLog(files_, layout_));
  const bool overtaken = listing.segments.front() > next_number;
  if (!overtaken && !listing.Has(next_number)) {
    if (!listing.HasName(layout_.sealed(ended.number())) && BecomesLive(ended)) return {};
    EFS_ASSIGN_OR_RETURN(listing, WaitForSuccessorLocked(ended));
  }
  if (overtaken || !listing.Has(next_number)) {
    return {StatusCode::kStale, "log segment " + layout_.segment(next_number) + " was merged before it was read"};
  }
  Result<std::shared_ptr<Segment>> opened = Segment::Open(files_, layout_, next_number, page_size_);
  if (opened.status().Is(StatusCode::kNotFound)) {
    return {StatusCode::kStale, "log segment " + layout_.segment(next_number) + " was merged before it was read"};
  }
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<Segment> next, std::move(opened));
  EFS_RETURN_IF_ERROR(CheckNotReused(ended));
  EFS_RETURN_IF_ERROR(CompleteLocked(ended, next->header().counted_of_previous));
  {
    const std::unique_lock lock(mutex_);
    segments_.push_back(std::move(next));
    last_look_ = {};
  }
  return DropMergedLocked(listing.segments.front());
}

// The successor of `ended` was opened by its name. That is the right one as long as `ended` is not merged: before that
// no successor can have been merged and removed, and the name have been given again by a seal that came too late.
Status Log::CheckNotReused(const Segment& ended) {
  EFS_ASSIGN_OR_RETURN(const Looked looked, LookAt(ended));
  if (StateOf(looked.attributes) != SegmentState::kMerging) return {};
  EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files_, layout_));
  if (listing.merged <= ended.number()) return {};
  return {StatusCode::kStale, "the log in " + layout_.directory() + " was merged faster than it was followed"};
}

Status Log::DropMerged(SegmentNumber oldest) {
  const std::lock_guard follow(follow_mutex_);
  return DropMergedLocked(oldest);
}

Status Log::DropMergedLocked(SegmentNumber oldest) {
  std::vector<std::shared_ptr<Segment>> merged;
  for (const std::shared_ptr<Segment>& segment : segments()) {
    // The last one is not: it may not be known as a whole.
    if (segment->number() < oldest && segment->number() < live()->number()) merged.push_back(segment);
  }
  if (merged.empty()) return {};
  before_drop_(merged);
  const std::unique_lock lock(mutex_);
  for (const std::shared_ptr<Segment>& segment : merged) {
    if (segment->end.page_count != 0) base_page_count_ = segment->end.page_count;
  }
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<ptrdiff_t>(merged.size()));
  return {};
}

// A new segment has a second name for a moment, the temporary one, and would be sealed for nothing.
bool Log::BecomesLive(const Segment& segment) const {
  const Instant deadline = clock_.Now() + kBirth;
  while (true) {
    const Result<FileAttributes> attributes = segment.Look();
    if (!attributes.ok() || StateOf(*attributes) == SegmentState::kMerging) return false;
    if (StateOf(*attributes) == SegmentState::kLive) return true;
    if (clock_.Now() >= deadline) return false;
    clock_.Sleep(kSuccessorPoll);
  }
}

Result<LogListing> Log::WaitForSuccessorLocked(Segment& ended) {
  const Instant begun = clock_.Now();
  const Instant deadline = begun + kSuccessorTimeout;
  while (true) {
    Result<bool> made = false;
    if (clock_.Now() - begun >= kPatience) made = Seal(files_, layout_, ended, EndOf(ended), Successor::kHelpers);
    if (made.ok() && *made) NoteSeal(ended);
    // A listing, because a look-up of the name itself could leave "missing" in the name cache for half a minute.
    EFS_ASSIGN_OR_RETURN(LogListing listing, ListLog(files_, layout_));
    if (listing.segments.back() > ended.number()) return listing;
    if (clock_.Now() >= deadline) {
      return made.ok() ? Status::Busy("the successor of log segment " + ended.path() + " is not to be seen; try again")
                       : made.status();
    }
    clock_.Sleep(kSuccessorPoll);
  }
}

// Reads what counts of a sealed segment, as its successor says.
Status Log::CompleteLocked(Segment& ended, FrameNumber counted, Bytes read) {
  const SegmentEnd known = EndOf(ended);
  if (known.frames == counted) return {};
  watch_.metrics.Add(Count::kScans);
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, ended.Look());
  EFS_ASSIGN_OR_RETURN(const NewFrames found, ended.Scan(known, attributes.size, counted, read));
  if (found.end.frames != counted) {
    return Status::Corrupt("log segment " + ended.path() + " has " + std::to_string(found.end.frames.value) +
                           " intact frames, but its successor says that " + std::to_string(counted.value) +
                           " count: it is damaged; restore the database from a backup");
  }
  Believe(ended, found);
  return {};
}

void Log::NoteSeal(const Segment& sealed) {
  watch_.metrics.Add(Count::kSeals);
  const auto number = static_cast<int64_t>(sealed.number().value);
  watch_.Tell(clock_, "seal", {{"segment", number}, {"frames", EndOf(sealed).frames.value}});
}

void Log::Believe(Segment& segment, const NewFrames& frames) {
  watch_.metrics.Add(Count::kFramesRead, frames.pages.size());
  for (size_t i = 0; i < frames.kept.size(); i++) {
    cache_.PutFrame(segment.number(), frames.kept[i], Bytes(frames.contents).subspan(i * page_size_, page_size_));
  }
  const std::unique_lock lock(mutex_);
  AppendLocked(segment, frames);
}

void Log::Committed(Segment& segment, const NewFrames& frames, const FileAttributes& seen) {
  const std::unique_lock lock(mutex_);
  AppendLocked(segment, frames);
  if (segments_.back().get() == &segment) last_look_ = {seen, clock_.Now(), false};
}

void Log::AppendLocked(Segment& segment, const NewFrames& frames) {
  // A reader and the writer of one process may both bring the same frames.
  const size_t total = frames.end.frames.value;
  const size_t known = segment.index.size().value;
  assert(total - frames.pages.size() <= known);
  if (total <= known) return;
  for (size_t i = frames.pages.size() - (total - known); i < frames.pages.size(); i++) {
    segment.index.Append(frames.pages[i]);
  }
  segment.end = frames.end;
}

LogPosition Log::newest() const {
  const std::shared_lock lock(mutex_);
  LogPosition position = {segments_.back()->number(), segments_.back()->end.frames, 0};
  for (auto segment = segments_.rbegin(); segment != segments_.rend() && position.page_count == 0; ++segment) {
    position.page_count = (*segment)->end.page_count;
  }
  if (position.page_count == 0) position.page_count = base_page_count_;
  return position;
}

bool Log::SameState(LogPosition a, LogPosition b) const {
  if (b.segment < a.segment) std::swap(a, b);
  const std::shared_lock lock(mutex_);
  const SegmentNumber first = segments_.front()->number();
  if (a.segment < first || b.segment > segments_.back()->number()) return false;
  while (a.segment < b.segment && a.frames == segments_[a.segment.value - first.value]->end.frames) {
    a = {{a.segment.value + 1}, {0}, a.page_count};
  }
  return a.segment == b.segment && a.frames == b.frames;
}

uint64_t Log::FramesBetween(const LogPosition& older, const LogPosition& newer) const {
  const std::shared_lock lock(mutex_);
  int64_t frames = int64_t{newer.frames.value} - older.frames.value;
  for (const std::shared_ptr<Segment>& segment : segments_) {
    const bool between = segment->number() >= older.segment && segment->number() < newer.segment;
    if (between) frames += segment->end.frames.value;
  }
  return frames > 0 ? static_cast<uint64_t>(frames) : 0;
}

bool Log::Unchanged(const ReadSet& read, const LogPosition& older, const LogPosition& newer) const {
  const std::shared_lock lock(mutex_);
  const SegmentNumber first = segments_.front()->number();
  if (older.segment < first || newer.segment < older.segment || newer.segment > segments_.back()->number())
    return false;
  FrameNumber from = older.frames;
  for (uint64_t number = older.segment.value; number <= newer.segment.value; number++) {
    const FrameIndex& index = segments_[number - first.value]->index;
    const FrameNumber end = number == newer.segment.value ? newer.frames : index.size();
    for (uint32_t frame = from.value + 1; frame <= end.value; frame++) {
      if (read.Has(index.PageOf({frame}))) return false;
    }
    from = {0};
  }
  return true;
}

std::optional<FrameLocation> Log::Find(PageNumber page, const LogPosition& at) const {
  const std::shared_lock lock(mutex_);
  const SegmentNumber first = segments_.front()->number();
  if (at.segment < first || at.segment > segments_.back()->number()) return std::nullopt;
  FrameNumber limit = at.frames;
  for (size_t i = at.segment.value - first.value + 1; i-- > 0;) {
    const FrameNumber frame = segments_[i]->index.Find(page, limit);
    if (frame.value != 0) return FrameLocation{segments_[i], frame};
    limit = {UINT32_MAX};
  }
  return std::nullopt;
}

std::vector<PageNumber> Log::Pages(const LogPosition& at) const {
  std::vector<PageNumber> pages;
  const std::shared_lock lock(mutex_);
  for (const std::shared_ptr<Segment>& segment : segments_) {
    if (segment->number() > at.segment) break;
    const FrameNumber end = segment->number() == at.segment ? at.frames : segment->index.size();
    for (uint32_t i = 1; i <= end.value; i++) pages.push_back(segment->index.PageOf({i}));
  }
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  pages.erase(std::upper_bound(pages.begin(), pages.end(), PageNumber{at.page_count}), pages.end());
  return pages;
}

std::vector<std::shared_ptr<Segment>> Log::segments() const {
  const std::shared_lock lock(mutex_);
  return segments_;
}

Status Log::CheckBase(const LogPosition& at) const {
  std::shared_ptr<Segment> segment;
  {
    const std::shared_lock lock(mutex_);
    const SegmentNumber first = segments_.front()->number();
    if (at.segment >= first) segment = segments_[at.segment.value - first.value];
  }
  const Status overtaken = Status::Conflict("the state that this transaction reads has been merged into " +
                                            layout_.base() + "; run it again");
  if (!segment) return overtaken;
  watch_.metrics.Add(Count::kLooks);
  const Result<FileAttributes> attributes = segment->Look();
  if (attributes.status().Is(StatusCode::kStale)) return overtaken;
  if (!attributes.ok()) return attributes.status();
  return StateOf(*attributes) == SegmentState::kMerging ? overtaken : Status();
}

Result<std::shared_ptr<Segment>> Log::LiveSegment(SegmentNumber number, uint64_t salts) {
  EFS_ASSIGN_OR_RETURN(const LogPosition newest, Refresh());
  std::shared_ptr<Segment> segment = live();
  const bool same = newest.segment == number && segment->number() == number && segment->header().salts() == salts;
  return same ? segment : nullptr;
}

Result<std::shared_ptr<Segment>> Log::OwnNewSegment(Instant deadline) {
  const std::lock_guard follow(follow_mutex_);
  do {
    EFS_ASSIGN_OR_RETURN(const LogPosition newest, FollowLocked());
    const std::shared_ptr<Segment> last = live();
    assert(last->number() == newest.segment);
    EFS_ASSIGN_OR_RETURN(const bool created, Seal(files_, layout_, *last, EndOf(*last), Successor::kWriters));
    if (created) NoteSeal(*last);
    EFS_RETURN_IF_ERROR(AdvanceLocked(*last));
    const std::shared_ptr<Segment> next = live();
    if (created) return next;
    if (HasOwner(next->header())) continue;
    EFS_ASSIGN_OR_RETURN(const bool claimed, Claim(files_, layout_, next->number()));
    if (claimed) return next;
  } while (clock_.Now() < deadline);
  return Status::Busy("database is locked: other writers of " + layout_.base() +
                      " were faster until the timeout; try again");
}

Result<bool> Log::Decide(Segment& segment, FrameNumber last) {
  const std::lock_guard follow(follow_mutex_);
  // Also one that somebody has begun to seal, and then died.
  const Result<bool> created = Seal(files_, layout_, segment, EndOf(segment), Successor::kHelpers);
  if (!created.ok() && !created.status().Is(StatusCode::kStale)) return created.status();
  if (created.ok() && *created) NoteSeal(segment);
  EFS_ASSIGN_OR_RETURN(const FrameNumber counted, CountedOf(segment));
  (void)FollowLocked();  // so that the index has the commit, if it counts
  return counted >= last;
}

// How many frames of a segment that is not live count: its successor says it, or, once it was merged, a record.
Result<FrameNumber> Log::CountedOf(const Segment& segment) const {
  const Result<LogListing> listing = ListLog(files_, layout_);
  if (!listing.ok() && !listing.status().Is(StatusCode::kStale)) return listing.status();
  const SegmentNumber next = {segment.number().value + 1};
  if (listing.ok() && listing->Has(next)) {
    const Result<std::shared_ptr<Segment>> successor = Segment::Open(files_, layout_, next, page_size_);
    if (!successor.ok() && !successor.status().Is(StatusCode::kNotFound)) return successor.status();
    // Its number may have been merged since, and given again by a seal that came too late.
    EFS_ASSIGN_OR_RETURN(const LogListing again, ListLog(files_, layout_));
    if (successor.ok() && again.merged < next) return (*successor)->header().counted_of_previous;
  }
  const Result<FrameNumber> counted = ReadCounted(files_, layout_, segment);
  // Of a log that has ended the record is there until the rest of it has been removed.
  return counted.ok() || listing.ok() ? counted : listing.status();
}

SegmentEnd Log::EndOf(const Segment& segment) const {
  const std::shared_lock lock(mutex_);
  return segment.end;
}

std::shared_ptr<Segment> Log::live() const {
  const std::shared_lock lock(mutex_);
  return segments_.back();
}

Log::LastLook Log::last_look() const {
  const std::shared_lock lock(mutex_);
  return last_look_;
}

void Log::Remember(const LastLook& look) {
  NoteServerTime(look.attributes.mtime_ns);
  const std::unique_lock lock(mutex_);
  last_look_ = look;
}

void Log::NoteAsOf(Instant begun) { RaiseTo(as_of_ns_, begun.nanoseconds); }

void Log::NoteServerTime(int64_t time_ns) { RaiseTo(server_time_ns_, time_ns); }

uint64_t Log::live_size() const { return last_look().attributes.size; }

SegmentNumber Log::first_segment() const {
  const std::shared_lock lock(mutex_);
  return segments_.front()->number();
}

}  // namespace sqlite_efs
