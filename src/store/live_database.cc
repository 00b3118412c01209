#include "store/live_database.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace sqlite_efs {
namespace {

constexpr size_t kShareOfForetold = 4;  // of the cache, one part in so many may be for pages that are only foretold

// The log, with the segment that its last writer is known to have left. To be asked for before it is opened: a segment
// that was sealed and has lost its successor would get another one.
Result<LogListing> ListWithLast(FileSystem& files, const Layout& layout, const std::optional<CleanRelease>& left) {
  const auto has_last = [&](const LogListing& log) { return !left || left->segment <= log.segments.back().value; };
  EFS_ASSIGN_OR_RETURN(LogListing known, ListKnownLog(files, layout));
  if (has_last(known)) return known;
  EFS_ASSIGN_OR_RETURN(LogListing fresh, ListLog(files, layout));
  if (has_last(fresh)) return fresh;
  return Status::CantOpen("log segment " + layout.segment({left->segment}) +
                          " is missing, to which the last writer has written; restore it from a backup");
}

}  // namespace

Result<std::shared_ptr<LiveDatabase>> LiveDatabase::Open(const Environment& environment, const Layout& layout,
                                                         const StoreOptions& options, std::unique_ptr<Lease> lease) {
  LeaseOptions lease_options = options.lease;
  if (!lease_options.watch) lease_options.watch = std::make_shared<Watch>(layout.base());
  std::shared_ptr<LiveDatabase> live(new LiveDatabase(environment, layout, lease_options.watch));
  EFS_ASSIGN_OR_RETURN(live->files_, environment.files.Pin(layout.directory()));
  live->lease_ = std::move(lease);
  if (!live->lease_) {
    EFS_ASSIGN_OR_RETURN(const FileAttributes base, environment.files.Stat(layout.base()));
    live->lease_ = NewLease(environment, lease_options, layout, layout, SegmentMode(base.mode), "");
  }
  // The record of one that expires is in a service, which tells nothing of it to who does not want it.
  if (!live->lease_->expires()) EFS_RETURN_IF_ERROR(live->NameLease());
  const std::optional<CleanRelease> left = live->lease_->PeekRelease();  // before the log is read, which may have more
  EFS_ASSIGN_OR_RETURN(const LogListing listing, ListWithLast(live->files(), layout, left));
  // After the listing: what is not listed any more is in the base, and an open shows what was written before it.
  EFS_ASSIGN_OR_RETURN(live->base_, BaseFile::OpenAndRead(environment.files, layout.base()));
  live->cache_ = std::make_unique<PageCache>(options.cache_bytes, live->page_size(), live->watch().metrics);
  live->read_ahead_ = std::make_unique<ReadAhead>(live->page_size());
  live->tree_walk_ = std::make_unique<TreeWalk>(options.cache_bytes / live->page_size() / kShareOfForetold);
  live->frame_buffer_ = std::make_unique<FrameBuffer>(live->page_size());
  const Status opened = live->OpenLog(listing);
  // A number that was merged and removed since the listing may have been given again, by a seal that came too late.
  // Then the log may seem damaged, too. And the first listing may have been an old one.
  EFS_ASSIGN_OR_RETURN(const LogListing again, ListLog(live->files(), layout));
  if (again.merged >= listing.segments.front()) {
    return Status(StatusCode::kStale, "the log in " + layout.directory() + " was merged while it was opened");
  }
  EFS_RETURN_IF_ERROR(opened);
  if (left) EFS_RETURN_IF_ERROR(live->CheckComplete(*left));
  live->merger_ = std::make_unique<Merger>(environment, live->files(), live->layout_, *live->log_, live->watch());
  return live;
}

Result<std::string> LiveDatabase::Id() {
  const std::lock_guard lock(id_mutex_);
  if (!id_.empty()) return id_;
  Result<std::string> id = ReadDatabaseId(files(), layout_);
  if (id.ok()) return id_ = *id;
  // It may be missing because the log has ended and is being removed.
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files().List(layout_.directory()));
  EFS_ASSIGN_OR_RETURN(const bool ended, HasEnded(files(), layout_, names));
  return ended ? Status(StatusCode::kStale, layout_.base() + " was detached; open it anew") : id.status();
}

Status LiveDatabase::NameLease() {
  EFS_ASSIGN_OR_RETURN(const std::string id, Id());
  lease_->SetDatabaseId(id);
  return {};
}

Status LiveDatabase::OpenLog(const LogListing& listing) {
  const auto before_drop = [this](const auto& segments) { BeforeDrop(segments); };
  const uint64_t epoch = cache_->base_epoch();
  EFS_ASSIGN_OR_RETURN(log_, Log::Open(files(), environment_.clock, layout_, page_size(), listing.segments, *cache_,
                                       before_drop, *watch_));
  // What was read of the base is believed: the last segment was seen live since, at its opening at the earliest.
  const LogPosition newest = log_->newest();
  std::vector<std::byte> head = base_->TakeHead();
  Keep(newest, epoch, {{1}, head, head.size() / page_size()}, /*wanted=*/{0});
  // No commit in the log: the base says how large the database is.
  if (newest.page_count == 0) log_->SetBasePageCount(base_->opened_page_count());
  return {};
}

// The base has newer versions of these segments' pages than what the cache may hold.
void LiveDatabase::BeforeDrop(const std::vector<std::shared_ptr<Segment>>& segments) {
  std::vector<PageNumber> pages;
  for (const std::shared_ptr<Segment>& segment : segments) {
    for (uint32_t i = 1; i <= segment->index.size().value; i++) pages.push_back(segment->index.PageOf({i}));
  }
  cache_->DropBase(pages);
}

// Whether the log has all that its last writer is known to have left.
Status LiveDatabase::CheckComplete(const CleanRelease& left) const {
  const std::shared_ptr<Segment> last = log_->live();
  const bool same = left.segment == last->number().value && left.salts == last->header().salts();
  const FrameNumber known = log_->EndOf(*last).frames;
  if (!same || known.value >= left.frames) return {};
  return Status::Corrupt("log segment " + last->path() + " has " + std::to_string(known.value) +
                         " intact frames, but its last writer left " + std::to_string(left.frames) +
                         ": it is damaged; restore the database from a backup");
}

Status LiveDatabase::ReadPage(const LogPosition& at, PageNumber page, size_t offset, MutableBytes out) {
  const std::optional<FrameLocation> location = log_->Find(page, at);
  if (!location) return ReadPageFromBase(at, page, offset, out);
  const SegmentNumber segment = location->segment->number();
  if (cache_->GetFrame(segment, location->frame, offset, out)) return {};
  std::vector<std::byte> buffer(page_size());
  watch_->metrics.Add(Count::kPagesFromLog);
  const Status read = location->segment->ReadPage(location->frame, buffer);
  if (read.Is(StatusCode::kStale)) {
    EFS_RETURN_IF_ERROR(CheckMerged(*location->segment));  // then what the base has is newer than what the cache has
    cache_->DropBase({page});
    return ReadPageFromBase(at, page, offset, out);
  }
  EFS_RETURN_IF_ERROR(read);
  cache_->PutFrame(segment, location->frame, buffer);
  tree_walk_->Note(page, buffer);
  std::memcpy(out.data(), buffer.data() + offset, out.size());
  return {};
}

// A server may call a file stale that is still there. Only a listing tells that the segment was merged.
Status LiveDatabase::CheckMerged(const Segment& segment) {
  EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files(), layout_));
  if (segment.number() < listing.segments.front()) return {};
  return Status::IoError("cannot read " + segment.path() + ": the file server calls it stale, but it is still there");
}

Status LiveDatabase::ReadPageFromBase(const LogPosition& at, PageNumber page, size_t offset, MutableBytes out) {
  if (cache_->GetBase(page, at.segment, offset, out)) return {};
  const uint64_t epoch = cache_->base_epoch();
  const std::vector<PageRun> runs = RunsWith(at, page);
  size_t count = 0;
  for (const PageRun& run : runs) count += run.count;
  std::vector<std::byte> buffer(count * page_size());
  MutableBytes rest = buffer;
  std::vector<BasePages> pages;
  for (const PageRun& run : runs) {
    pages.push_back({run.first, rest.first(run.count * size_t{page_size()})});
    rest = rest.subspan(pages.back().out.size());
  }
  watch_->metrics.Add(Count::kPagesFromBase, count);
  EFS_RETURN_IF_ERROR(base_->ReadPages(pages));
  EFS_RETURN_IF_ERROR(log_->CheckBase(at));  // after the read: a merge that began before it may have changed the page
  const size_t wanted = page.value - runs.front().first.value;
  pages.front().found = std::max(pages.front().found, wanted + 1);  // zeros beyond the end of the file
  for (const BasePages& run : pages) Keep(at, epoch, run, page);
  std::memcpy(out.data(), buffer.data() + wanted * page_size() + offset, out.size());
  return {};
}

// What to read of the base because `page` is wanted; the run with that page comes first.
std::vector<PageRun> LiveDatabase::RunsWith(const LogPosition& at, PageNumber page) {
  const PageRun around = read_ahead_->Around(page, cache_->room_pages());
  std::vector<PageNumber> later = tree_walk_->After(page);
  std::erase_if(later, [&](PageNumber next) { return cache_->HasBase(next, at.segment) || log_->Find(next, at); });
  std::vector<PageRun> runs = RunsOf(std::move(later), around);
  runs.insert(runs.begin(), around);
  return runs;
}

void LiveDatabase::Keep(const LogPosition& at, uint64_t epoch, const BasePages& pages, PageNumber wanted) {
  for (size_t i = 0; i < pages.found; i++) {
    const PageNumber page = {pages.first.value + static_cast<uint32_t>(i)};
    const Bytes content = pages.out.subspan(i * page_size(), page_size());
    cache_->PutBase(page, at.segment, epoch, content, page == wanted ? PageUse::kWanted : PageUse::kAhead);
    tree_walk_->Note(page, content);
  }
}

Result<LogPosition> LiveDatabase::BeginTenure(Instant deadline) {
  assert(!in_tenure());
  EFS_RETURN_IF_ERROR(NameLease());
  EFS_ASSIGN_OR_RETURN(const std::optional<CleanRelease> previous, lease_->Acquire(deadline));
  SetTenure({});
  Status status = previous ? Join(*previous) : Status();
  if (status.ok() && !tenure_.segment) status = OwnNewSegment(deadline);
  if (status.ok()) return log_->newest();
  (void)lease_->Release(previous);  // nothing was written: what the last tenure left still holds
  return status;
}

void LiveDatabase::SetTenure(Tenure tenure) {
  tenure_ = std::move(tenure);
  log_->SetOwned(tenure_.segment.get());
}

void LiveDatabase::TenureBroken() {
  tenure_.clean = false;
  log_->SetOwned(nullptr);  // a write that failed may come later
}

Status LiveDatabase::BeginEmptySegment(Instant deadline) {
  assert(in_tenure());
  EFS_ASSIGN_OR_RETURN(const LogPosition newest, log_->Refresh());
  if (newest.segment == tenure_.segment->number() && newest.frames.value == 0) return {};
  return OwnNewSegment(deadline);
}

Status LiveDatabase::OwnNewSegment(Instant deadline) {
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<Segment> owned, log_->OwnNewSegment(deadline));
  SetTenure({std::move(owned), true});
  return {};
}

bool LiveDatabase::SegmentIsFull(uint32_t full_frames) const {
  return tenure_.segment && log_->EndOf(*tenure_.segment).frames.value >= full_frames;
}

Status LiveDatabase::AdoptFirstSegment() {
  assert(in_tenure() && !tenure_.segment);
  EFS_ASSIGN_OR_RETURN(const LogPosition newest, log_->Refresh());
  if (newest.segment != log_->first_segment() || newest.frames.value != 0) {
    return Status::Conflict("another writer was faster to " + layout_.base());
  }
  SetTenure({log_->live(), true});
  return {};
}

Status LiveDatabase::Join(const CleanRelease& previous) {
  std::shared_ptr<Segment> segment = log_->live();
  const bool same = segment->number().value == previous.segment && segment->header().salts() == previous.salts;
  // Where this process knows all that the last holder left, a look would tell nothing new. If the segment was sealed
  // since the last one, the look of the commit shows it.
  if (!same || log_->EndOf(*segment).frames.value != previous.frames) {
    EFS_ASSIGN_OR_RETURN(segment, log_->LiveSegment({previous.segment}, previous.salts));
  }
  if (!segment) return {};
  const FrameNumber known = log_->EndOf(*segment).frames;
  if (known.value > previous.frames) return {};  // not the tree that the record speaks of: the files decide
  EFS_RETURN_IF_ERROR(CheckComplete(previous));
  SetTenure({std::move(segment), true});
  return {};
}

Status LiveDatabase::EndTenure() {
  if (!in_tenure()) return {};
  std::optional<CleanRelease> clean;
  if (tenure_.segment && tenure_.clean) {
    const Segment& segment = *tenure_.segment;
    clean = {segment.number().value, segment.header().salts(), log_->EndOf(segment).frames.value,
             lease_->release_name()};
  }
  SetTenure({});
  return lease_->Release(clean);
}

}  // namespace sqlite_efs
