#ifndef SQLITE_EFS_STORE_PAGE_COPY_H_
#define SQLITE_EFS_STORE_PAGE_COPY_H_

#include <memory>
#include <vector>

#include "base/status.h"
#include "os/file_system.h"
#include "store/segment.h"

namespace sqlite_efs {

// A sealed segment and what counts of it.
struct SealedSegment {
  std::shared_ptr<Segment> segment;
  SegmentEnd end;
};

// Copies what counts of the oldest segments into the base, in pieces: the newest version of each page, page 1 last,
// each step durable before the next, so that the base's header never states more pages than the file has. The caller
// holds the lock on the base whenever it calls, and nobody else copies between two calls. A failure leaves the base as
// it may be in the middle: base and segments together are complete. Not thread-safe.
class PageCopy {
 public:
  // Marks the segments as being merged, before anything else: from now on nobody believes a page of the base that was
  // read for a snapshot which ends in one of them. `segments` from the oldest there is, without a gap.
  static Result<std::unique_ptr<PageCopy>> Begin(std::vector<SealedSegment> segments, File& base);

  // Copies at most about `max_pages` more; whether that was all.
  Result<bool> CopyPiece(size_t max_pages);

  // Whether a write to the base failed, other than for want of space: it may still land, at any time.
  bool write_failed() const { return write_failed_; }
  // Whether all that was written is durable.
  bool synced() const { return synced_; }

  // The newest of the segments.
  SegmentNumber through() const { return segments_.back().segment->number(); }
  size_t pages_done() const { return done_; }
  size_t pages_total() const { return pages_.size(); }

 private:
  // A page's newest version.
  struct Source {
    PageNumber page;
    const Segment* segment;
    FrameNumber frame;
  };

  PageCopy(std::vector<SealedSegment> segments, File& base);
  void CollectPages();
  Status CopyRun(size_t max_pages);
  Result<size_t> ReadNeighbours(size_t index, MutableBytes out);
  Status CopyFirstPage();
  Status Finish();
  Status Wrote(Status status);
  Status Sync();
  size_t page_size() const { return segments_.front().segment->header().page_size; }

  const std::vector<SealedSegment> segments_;
  File& base_;
  uint32_t page_count_ = 0;    // of the database at the end of the last segment; 0: no commit in any
  std::vector<Source> pages_;  // ascending
  uint64_t size_before_bytes_ = 0;
  uint64_t size_after_bytes_ = 0;
  size_t done_ = 0;
  bool write_failed_ = false;
  bool synced_ = true;
  std::vector<std::byte> buffer_;  // of pages, for one write
  std::vector<std::byte> frames_;  // of one read
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_PAGE_COPY_H_
