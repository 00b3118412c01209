#include "store/page_copy.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <unordered_set>

#include "store/base_file.h"

namespace sqlite_efs {
namespace {

constexpr size_t kLargestWrite_bytes = size_t{1} << 20;

}  // namespace

PageCopy::PageCopy(std::vector<SealedSegment> segments, File& base) : segments_(std::move(segments)), base_(base) {
  for (const SealedSegment& sealed : segments_) {
    if (sealed.end.page_count != 0) page_count_ = sealed.end.page_count;
  }
  CollectPages();
  size_after_bytes_ = uint64_t{page_count_} * page_size();
}

// Pages that the database no longer has at the end are not copied.
void PageCopy::CollectPages() {
  std::unordered_set<uint32_t> seen;
  for (auto sealed = segments_.rbegin(); sealed != segments_.rend(); ++sealed) {
    for (FrameNumber frame = sealed->end.frames; frame.value > 0; frame.value--) {
      const PageNumber page = sealed->segment->index.PageOf(frame);
      if (page.value > page_count_ || !seen.insert(page.value).second) continue;
      pages_.push_back({page, sealed->segment.get(), frame});
    }
  }
  std::sort(pages_.begin(), pages_.end(), [](const Source& a, const Source& b) { return a.page < b.page; });
  assert(pages_.empty() || pages_.front().page == PageNumber{1});  // page 1 is part of every commit
}

Result<std::unique_ptr<PageCopy>> PageCopy::Begin(std::vector<SealedSegment> segments, File& base) {
  assert(!segments.empty());
  std::unique_ptr<PageCopy> copy(new PageCopy(std::move(segments), base));
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, base.Look());
  for (const SealedSegment& sealed : copy->segments_) {
    EFS_RETURN_IF_ERROR(sealed.segment->ChangeMode(MergingMode(attributes.mode)));
  }
  copy->size_before_bytes_ = attributes.size;
  return copy;
}

Result<bool> PageCopy::CopyPiece(size_t max_pages) {
  if (pages_.empty()) return true;
  Status status;
  if (done_ == 0) {
    if (size_before_bytes_ < size_after_bytes_) status = Wrote(base_.Truncate(size_after_bytes_));
    done_ = 1;  // page 1 is the last one to be written
  }
  const size_t stop = std::min(pages_.size(), done_ + max_pages);
  while (status.ok() && done_ < stop) status = CopyRun(stop - done_);
  const bool last = done_ == pages_.size();
  if (status.ok() && last && (stop > 1 || size_before_bytes_ < size_after_bytes_)) status = Sync();
  // On a full disk what the base has grown by is needed elsewhere; all of that is in the log, and page 1, which would
  // speak of it, is not written yet.
  if (status.Is(StatusCode::kFull) && size_before_bytes_ < size_after_bytes_) (void)base_.Truncate(size_before_bytes_);
  if (status.ok() && last) status = Finish();
  if (!status.ok()) return status;
  return last;
}

// Copies pages that lie side by side in the base, with one write.
Status PageCopy::CopyRun(size_t max_pages) {
  const size_t longest =
      std::min({max_pages, std::max<size_t>(1, kLargestWrite_bytes / page_size()), pages_.size() - done_});
  const PageNumber first = pages_[done_].page;
  size_t count = 1;
  while (count < longest && pages_[done_ + count].page.value == first.value + count) count++;
  buffer_.resize(count * page_size());
  for (size_t i = 0; i < count;) {
    EFS_ASSIGN_OR_RETURN(const size_t read, ReadNeighbours(done_ + i, MutableBytes(buffer_).subspan(i * page_size())));
    i += read;
  }
  EFS_RETURN_IF_ERROR(Wrote(base_.WriteAt(uint64_t{first.value - 1} * page_size(), buffer_)));
  done_ += count;
  return {};
}

// Reads pages from the one at `index` on, as many as fit and lie side by side in a segment too: a large transaction
// leaves long runs. Returns how many.
Result<size_t> PageCopy::ReadNeighbours(size_t index, MutableBytes out) {
  const Source* const from = &pages_[index];
  const Segment& segment = *from->segment;
  size_t count = 1;
  while (count * page_size() < out.size() && from[count].segment == &segment &&
         from[count].frame.value == from->frame.value + count) {
    count++;
  }
  if (count == 1) {
    EFS_RETURN_IF_ERROR(segment.ReadPage(from->frame, out.first(page_size())));
    return count;
  }
  frames_.resize(count * segment.frame_size());
  EFS_RETURN_IF_ERROR(segment.ReadFrames(from->frame, frames_));
  for (size_t i = 0; i < count; i++) {
    std::memcpy(&out[i * page_size()], &frames_[i * segment.frame_size() + kFrameHeaderSize], page_size());
  }
  return count;
}

// Notes what became of a change of the base.
Status PageCopy::Wrote(Status status) {
  write_failed_ = write_failed_ || (!status.ok() && !status.Is(StatusCode::kFull));
  synced_ = false;
  return status;
}

Status PageCopy::Sync() {
  Status status = Wrote(base_.Sync());
  synced_ = status.ok();
  return status;
}

// All other pages are durable.
Status PageCopy::Finish() {
  EFS_RETURN_IF_ERROR(CopyFirstPage());
  EFS_RETURN_IF_ERROR(Sync());
  if (size_before_bytes_ <= size_after_bytes_) return {};
  EFS_RETURN_IF_ERROR(Wrote(base_.Truncate(size_after_bytes_)));
  return Sync();
}

Status PageCopy::CopyFirstPage() {
  buffer_.resize(page_size());
  EFS_RETURN_IF_ERROR(pages_.front().segment->ReadPage(pages_.front().frame, buffer_));
  buffer_[kWriteVersionOffset] = buffer_[kWriteVersionOffset + 1] = kVersionWal;
  return Wrote(base_.WriteAt(0, buffer_));
}

}  // namespace sqlite_efs
