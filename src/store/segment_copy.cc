#include "store/segment_copy.h"

#include <algorithm>
#include <cassert>

#include "store/base_file.h"

namespace sqlite_efs {
namespace {

constexpr size_t kLargestWrite_bytes = size_t{1} << 20;

}  // namespace

SegmentCopy::SegmentCopy(std::shared_ptr<Segment> segment, const SegmentEnd& end, File& base)
    : segment_(std::move(segment)), end_(end), base_(base) {
  // Pages that the database no longer has at the end of the segment are not copied.
  for (uint32_t frame = 1; frame <= end_.frames.value; frame++) {
    const PageNumber page = segment_->index.PageOf({frame});
    const bool newest = segment_->index.Find(page, end_.frames).value == frame;
    if (newest && page.value <= end_.page_count) pages_.emplace_back(page, FrameNumber{frame});
  }
  std::sort(pages_.begin(), pages_.end());
  assert(pages_.empty() || pages_.front().first == PageNumber{1});  // page 1 is part of every commit
}

Result<std::unique_ptr<SegmentCopy>> SegmentCopy::Begin(std::shared_ptr<Segment> segment, const SegmentEnd& end,
                                                        File& base) {
  std::unique_ptr<SegmentCopy> copy(new SegmentCopy(std::move(segment), end, base));
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, base.Look());
  EFS_RETURN_IF_ERROR(copy->segment_->ChangeMode(MergingMode(attributes.mode)));
  copy->size_before_bytes_ = attributes.size;
  copy->size_after_bytes_ = uint64_t{end.page_count} * copy->segment_->header().page_size;
  return copy;
}

Result<bool> SegmentCopy::CopyPiece(size_t max_pages) {
  if (pages_.empty()) return true;
  if (done_ == 0) {
    done_ = 1;  // page 1 is the last one to be written
    if (size_before_bytes_ < size_after_bytes_) EFS_RETURN_IF_ERROR(base_.Truncate(size_after_bytes_));
  }
  const size_t stop = std::min(pages_.size(), done_ + max_pages);
  Status status;
  while (status.ok() && done_ < stop) status = CopyRun(stop - done_);
  if (status.ok() && done_ == pages_.size()) status = Finish();
  // On a full disk what the base has grown by is needed elsewhere; all of that is in the log.
  if (status.Is(StatusCode::kFull) && size_before_bytes_ < size_after_bytes_) (void)base_.Truncate(size_before_bytes_);
  if (!status.ok()) return status;
  return done_ == pages_.size();
}

// Copies pages that lie side by side in the base, with one write.
Status SegmentCopy::CopyRun(size_t max_pages) {
  const size_t page_size = segment_->header().page_size;
  const size_t longest = std::min(max_pages, std::max<size_t>(1, kLargestWrite_bytes / page_size));
  const PageNumber first = pages_[done_].first;
  size_t count = 0;
  while (count < longest && done_ + count < pages_.size() && pages_[done_ + count].first.value == first.value + count) {
    buffer_.resize((count + 1) * page_size);
    const MutableBytes place = MutableBytes(buffer_).subspan(count * page_size, page_size);
    EFS_RETURN_IF_ERROR(segment_->ReadPage(pages_[done_ + count].second, place));
    count++;
  }
  EFS_RETURN_IF_ERROR(base_.WriteAt(uint64_t{first.value - 1} * page_size, buffer_));
  done_ += count;
  return {};
}

Status SegmentCopy::Finish() {
  if (pages_.size() > 1 || size_before_bytes_ < size_after_bytes_) EFS_RETURN_IF_ERROR(base_.Sync());
  EFS_RETURN_IF_ERROR(CopyFirstPage());
  EFS_RETURN_IF_ERROR(base_.Sync());
  if (size_before_bytes_ <= size_after_bytes_) return {};
  EFS_RETURN_IF_ERROR(base_.Truncate(size_after_bytes_));
  return base_.Sync();
}

Status SegmentCopy::CopyFirstPage() {
  buffer_.resize(segment_->header().page_size);
  EFS_RETURN_IF_ERROR(segment_->ReadPage(pages_.front().second, buffer_));
  buffer_[kWriteVersionOffset] = buffer_[kWriteVersionOffset + 1] = kVersionWal;
  return base_.WriteAt(0, buffer_);
}

}  // namespace sqlite_efs
