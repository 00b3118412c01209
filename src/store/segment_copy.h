#ifndef SQLITE_EFS_STORE_SEGMENT_COPY_H_
#define SQLITE_EFS_STORE_SEGMENT_COPY_H_

#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "os/file_system.h"
#include "store/segment.h"

namespace sqlite_efs {

// Copies what counts of one sealed segment into the base, in pieces: the newest version of each page, page 1 last, each
// step durable before the next, so that the base's header never states more pages than the file has. The caller holds
// the lock on the base from Begin() until the last piece has returned, and nobody else writes to it meanwhile. A
// failure leaves the base as it may be in the middle of a merge: base and segments together are complete. Not
// thread-safe.
class SegmentCopy {
 public:
  // Marks the segment as being merged, before anything else: what is read from the base without a look after it is not
  // believed from now on. `end` is what counts of the segment.
  static Result<std::unique_ptr<SegmentCopy>> Begin(std::shared_ptr<Segment> segment, const SegmentEnd& end,
                                                    File& base);

  // Copies at most about `max_pages` more; whether that was the last.
  Result<bool> CopyPiece(size_t max_pages);

  const Segment& segment() const { return *segment_; }
  size_t pages_done() const { return done_; }
  size_t pages_total() const { return pages_.size(); }

 private:
  SegmentCopy(std::shared_ptr<Segment> segment, const SegmentEnd& end, File& base);
  Status CopyRun(size_t max_pages);
  Status CopyFirstPage();
  Status Finish();

  const std::shared_ptr<Segment> segment_;
  const SegmentEnd end_;
  File& base_;
  std::vector<std::pair<PageNumber, FrameNumber>> pages_;  // ascending
  uint64_t size_before_bytes_ = 0;
  uint64_t size_after_bytes_ = 0;
  size_t done_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_SEGMENT_COPY_H_
