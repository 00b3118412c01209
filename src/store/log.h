#ifndef SQLITE_EFS_STORE_LOG_H_
#define SQLITE_EFS_STORE_LOG_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "base/status.h"
#include "os/clock.h"
#include "os/file_system.h"
#include "store/layout.h"
#include "store/segment.h"

namespace sqlite_efs {

// A committed state of the database: the end of a commit in the log.
struct LogPosition {
  SegmentNumber segment;
  FrameNumber frames;       // of that segment
  uint32_t page_count = 0;  // of the database; 0: as the base says
};

// Where the log holds a page.
struct FrameLocation {
  std::shared_ptr<const Segment> segment;
  FrameNumber frame;
};

struct LogCounters {
  uint64_t looks = 0;        // attribute look-ups of the live segment
  uint64_t scans = 0;        // readings of new frames
  uint64_t frames_read = 0;  // frames verified
  uint64_t seals = 0;        // segments whose successor this process created
};

// The log of one live database as one process knows it: the segments from the oldest there is to the live one, with an
// index of the frames it has verified. Thread-safe. `files` and `clock` must outlive it.
class Log {
 public:
  // Opens every segment and reads all frames, once.
  static Result<std::unique_ptr<Log>> Open(FileSystem& files, Clock& clock, const Layout& layout, uint32_t page_size);

  // The newest committed state, by one look at the live segment; reads what was added since. kStale if the live
  // segment is gone: the log must be opened anew.
  Result<LogPosition> Refresh();

  // What the last Refresh() or Committed() saw, without a look.
  LogPosition newest() const;

  // Whether two positions are the same state: the end of a segment and the empty beginning of the next are.
  bool SameState(LogPosition a, LogPosition b) const;

  // How many frames were committed after `older` up to `newer`.
  uint64_t FramesBetween(const LogPosition& older, const LogPosition& newer) const;

  // The newest frame of `page` in the state `at`; nothing if the base holds the page.
  std::optional<FrameLocation> Find(PageNumber page, const LogPosition& at) const;

  // Looks once more whether pages that were just read from the base can be believed in the state `at`: kConflict if the
  // segment of that state is being merged into the base, or gone.
  Status CheckBase(const LogPosition& at) const;

  // --- for the holder of the lease, one thread at a time ---

  // The segment that was live at the last look.
  std::shared_ptr<Segment> live() const;

  // The live segment, if it is the one named; otherwise nothing.
  Result<std::shared_ptr<Segment>> LiveSegment(SegmentNumber number, uint64_t salts);

  // Seals until a live segment exists that only the caller may write to, and returns it. At most until `deadline`.
  Result<std::shared_ptr<Segment>> OwnNewSegment(Instant deadline);

  // The size of the live segment's file at the last look, in bytes.
  uint64_t live_size() const;

  // The end of the commits that this process knows of `segment`.
  SegmentEnd EndOf(const Segment& segment) const;

  // Adds a commit that the caller has made durable in `segment` and has seen to count.
  void Committed(Segment& segment, const NewFrames& frames);

  // The pages that the log holds in the state `at`, ascending, without those beyond the end of the database.
  std::vector<PageNumber> Pages(const LogPosition& at) const;

  // The segments from the oldest to the one that was live at the last look.
  std::vector<std::shared_ptr<Segment>> segments() const;

  // Decides by the files whether the frames of `segment` up to `last` count, ending the segment if it is still live.
  Result<bool> Decide(Segment& segment, FrameNumber last);

  LogCounters counters() const;
  SegmentNumber first_segment() const;

 private:
  // What the last look at the live segment showed.
  struct LastLook {
    FileAttributes attributes;
    Instant first_seen;
    bool settled = false;  // read so long after first_seen that equal attributes prove that nothing was added
  };

  Log(FileSystem& files, Clock& clock, Layout layout, uint32_t page_size)
      : files_(files), clock_(clock), layout_(std::move(layout)), page_size_(page_size) {}

  // "Locked": the caller holds follow_mutex_.
  Status OpenSegmentsLocked();
  Result<LogPosition> FollowLocked(std::optional<FileAttributes> looked = {});
  Result<bool> PickUpLocked(Segment& live, const FileAttributes& attributes);
  Status AdvanceLocked(Segment& ended);
  Status WaitForSuccessorLocked(Segment& ended);
  Result<bool> HasSuccessor(const Segment& segment) const;
  Status CompleteLocked(Segment& ended, FrameNumber counted);
  LastLook last_look() const;
  void Remember(const LastLook& look);
  void Believe(Segment& segment, const NewFrames& frames);

  FileSystem& files_;
  Clock& clock_;
  const Layout layout_;
  const uint32_t page_size_;

  std::mutex follow_mutex_;  // one thread reads new frames; taken before mutex_
  LastLook last_look_;       // guarded by mutex_

  mutable std::shared_mutex mutex_;
  std::vector<std::shared_ptr<Segment>> segments_;  // ascending; the last one is the live one
  mutable std::atomic<uint64_t> looks_{0};
  std::atomic<uint64_t> scans_{0};
  std::atomic<uint64_t> frames_read_{0};
  std::atomic<uint64_t> seals_{0};
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_LOG_H_
