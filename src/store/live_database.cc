#include "store/live_database.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "store/generations.h"

namespace sqlite_efs {

Result<std::shared_ptr<LiveDatabase>> LiveDatabase::Open(const Environment& environment, const Layout& layout,
                                                         const StoreOptions& options, std::unique_ptr<Lease> lease) {
  std::shared_ptr<LiveDatabase> live(new LiveDatabase(environment, layout));
  EFS_ASSIGN_OR_RETURN(live->id_, ReadDatabaseId(environment.files, layout));
  EFS_ASSIGN_OR_RETURN(live->base_, BaseFile::Open(environment.files, layout.base()));
  if (!lease) {
    EFS_ASSIGN_OR_RETURN(const FileAttributes base, environment.files.Stat(layout.base()));
    lease =
        std::make_unique<Lease>(environment.new_lease_store(layout, layout, ModeFor(SegmentState::kLive, base.mode)),
                                environment.clock, live->id_, layout.base());
  }
  const std::optional<CleanRelease> left = lease->PeekRelease();  // before the log is read, which may have more
  if (left) EFS_RETURN_IF_ERROR(live->CheckPresent(*left));
  EFS_ASSIGN_OR_RETURN(live->log_, Log::Open(environment.files, environment.clock, layout, live->page_size()));
  if (left) EFS_RETURN_IF_ERROR(live->CheckComplete(*left));
  live->cache_ = std::make_unique<PageCache>(options.cache_bytes, live->page_size());
  live->lease_ = std::move(lease);
  return live;
}

// Whether the segment that the last writer is known to have left is there.
Status LiveDatabase::CheckPresent(const CleanRelease& left) const {
  EFS_ASSIGN_OR_RETURN(const std::vector<SegmentNumber> present, ListSegments(environment_.files, layout_));
  if (left.segment <= present.back().value) return {};
  return Status::CantOpen("log segment " + layout_.segment({left.segment}) +
                          " is missing, to which the last writer has written; restore it from a backup");
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

Result<uint32_t> LiveDatabase::PageCount(const LogPosition& at) const {
  if (at.page_count != 0) return at.page_count;
  return base_->PageCount();
}

Status LiveDatabase::ReadPage(const LogPosition& at, PageNumber page, size_t offset, MutableBytes out) {
  const std::optional<FrameLocation> location = log_->Find(page, at);
  const PageCache::Key key = location ? PageCache::Key{location->segment->number().value, location->frame.value}
                                      : PageCache::Key{0, page.value};
  if (cache_->Get(key, offset, out)) return {};
  std::vector<std::byte> buffer(page_size());
  if (location) {
    pages_from_log++;
    EFS_RETURN_IF_ERROR(location->segment->ReadPage(location->frame, buffer));
  } else {
    EFS_RETURN_IF_ERROR(ReadPageFromBase(at, page, buffer));
  }
  cache_->Put(key, buffer);
  std::memcpy(out.data(), buffer.data() + offset, out.size());
  return {};
}

Status LiveDatabase::ReadPageFromBase(const LogPosition& at, PageNumber page, MutableBytes out) {
  pages_from_base++;
  EFS_RETURN_IF_ERROR(base_->ReadPage(page, out));
  return log_->CheckBase(at);  // after the read: a merge that began before it may have changed the page
}

Result<LogPosition> LiveDatabase::BeginTenure(Instant deadline) {
  assert(!lease_->held());
  EFS_ASSIGN_OR_RETURN(const std::optional<CleanRelease> previous, lease_->Acquire(deadline));
  lease_acquisitions++;
  tenure_ = {};
  Status status = previous ? Join(*previous) : Status();
  if (status.ok() && !tenure_.segment) {
    Result<std::shared_ptr<Segment>> owned = log_->OwnNewSegment(deadline);
    status = owned.status();
    if (owned.ok()) tenure_.segment = std::move(*owned);
  }
  if (status.ok()) return log_->newest();
  (void)lease_->Release(previous);  // nothing was written: what the last tenure left still holds
  return status;
}

Status LiveDatabase::BeginEmptySegment(Instant deadline) {
  assert(lease_->held());
  EFS_ASSIGN_OR_RETURN(const LogPosition newest, log_->Refresh());
  if (newest.segment == tenure_.segment->number() && newest.frames.value == 0) return {};
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<Segment> owned, log_->OwnNewSegment(deadline));
  tenure_ = {std::move(owned), true};
  return {};
}

Status LiveDatabase::AdoptFirstSegment() {
  assert(lease_->held() && !tenure_.segment);
  EFS_ASSIGN_OR_RETURN(const LogPosition newest, log_->Refresh());
  tenure_ = {};
  if (newest.segment != log_->first_segment() || newest.frames.value != 0) {
    return Status::Conflict("another writer was faster to " + layout_.base());
  }
  tenure_.segment = log_->live();
  return {};
}

Status LiveDatabase::Join(const CleanRelease& previous) {
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment, log_->LiveSegment({previous.segment}, previous.salts));
  if (!segment) return {};
  const FrameNumber known = log_->EndOf(*segment).frames;
  if (known.value > previous.frames) return {};  // not the tree that the record speaks of: the files decide
  EFS_RETURN_IF_ERROR(CheckComplete(previous));
  tenure_.segment = std::move(segment);
  return {};
}

Status LiveDatabase::EndTenure() {
  std::optional<CleanRelease> clean;
  if (tenure_.segment && tenure_.clean) {
    const Segment& segment = *tenure_.segment;
    clean = {segment.number().value, segment.header().salts(), log_->EndOf(segment).frames.value, lease_->store_name()};
  }
  tenure_ = {};
  return lease_->Release(clean);
}

}  // namespace sqlite_efs
