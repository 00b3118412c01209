#ifndef SQLITE_EFS_STORE_LOG_H_
#define SQLITE_EFS_STORE_LOG_H_

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "base/status.h"
#include "os/clock.h"
#include "os/file_system.h"
#include "os/watch.h"
#include "store/layout.h"
#include "store/page_cache.h"
#include "store/read_set.h"
#include "store/segment.h"

namespace sqlite_efs {

// A committed state of the database: the end of a commit in the log.
struct LogPosition {
  SegmentNumber segment;
  FrameNumber frames;       // of that segment
  uint32_t page_count = 0;  // of the database
};

// Where the log holds a page.
struct FrameLocation {
  std::shared_ptr<const Segment> segment;
  FrameNumber frame;
};

// Called before segments, wholly known, leave the index because they were merged: their pages will be read from the
// base from now on.
using BeforeDrop = std::function<void(const std::vector<std::shared_ptr<Segment>>& segments)>;

// The log of one live database as one process knows it: the segments from the oldest there is to the live one, with an
// index of the frames it has verified; their pages go to `cache`. Thread-safe. `files`, `clock`, `cache` and `watch`
// must outlive it.
class Log {
 public:
  // Opens the segments that were listed, and reads all their frames, once. kNotFound or kStale if one was merged
  // meanwhile. The base must have been opened after the listing.
  static Result<std::unique_ptr<Log>> Open(FileSystem& files, Clock& clock, const Layout& layout, uint32_t page_size,
                                           const std::vector<SegmentNumber>& listed, PageCache& cache,
                                           BeforeDrop before_drop, Watch& watch);

  // The size of the database in the states before the first commit that the index knows, as the base says. Set once,
  // by whoever opens the log, before anybody else uses it.
  void SetBasePageCount(uint32_t pages) { base_page_count_ = pages; }

  // The newest committed state, by one look at the live segment; reads what was added since. kStale if the log is gone
  // or has moved on too far: it must be opened anew.
  Result<LogPosition> Refresh();

  // What the last Refresh() or Committed() saw, without a look.
  LogPosition newest() const;

  // newest() has whatever was acknowledged, by anybody, before this instant of the clock.
  Instant as_of() const { return {as_of_ns_}; }

  // Whether two positions are the same state: the end of a segment and the empty beginning of the next are.
  bool SameState(LogPosition a, LogPosition b) const;

  // How many frames were committed after `older` up to `newer`.
  uint64_t FramesBetween(const LogPosition& older, const LogPosition& newer) const;

  // Whether none of the pages read was committed anew after `older` up to `newer`. False also if the index does not
  // have all that was committed in between, because it was merged.
  bool Unchanged(const ReadSet& read, const LogPosition& older, const LogPosition& newer) const;

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

  // Adds a commit that the caller has made durable in `segment` and has seen to count, by the look `seen`.
  void Committed(Segment& segment, const NewFrames& frames, const FileAttributes& seen);

  // Until the next call nobody but this process may write to `segment`; null: to none is known. Equal attributes then
  // prove that nothing was added.
  void SetOwned(const Segment* segment) { owned_ = segment == nullptr ? 0 : segment->number().value; }

  // The pages that the log holds in the state `at`, ascending, without those beyond the end of the database.
  std::vector<PageNumber> Pages(const LogPosition& at) const;

  // The segments from the oldest in the index to the one that was live at the last look.
  std::vector<std::shared_ptr<Segment>> segments() const;

  // Takes segments before `oldest` out of the index: they were merged, the base has their pages.
  Status DropMerged(SegmentNumber oldest);

  // The newest time stamp of the file server that was seen, in nanoseconds since 1970.
  int64_t server_time_ns() const { return server_time_ns_; }
  void NoteServerTime(int64_t time_ns);

  // Decides by the files whether the frames of `segment` up to `last` count, ending the segment if it is still live.
  Result<bool> Decide(Segment& segment, FrameNumber last);

  SegmentNumber first_segment() const;

 private:
  // One look: what is read after it is at least as fresh as `begun`, before which it was not sent.
  struct Looked {
    FileAttributes attributes;
    Instant begun;
  };

  // What the last look at the live segment showed.
  struct LastLook {
    FileAttributes attributes;
    Instant first_seen;
    bool settled = false;  // read so long after first_seen that equal attributes prove that nothing was added
  };

  Log(FileSystem& files, Clock& clock, Layout layout, uint32_t page_size, PageCache& cache, BeforeDrop before_drop,
      Watch& watch)
      : files_(files),
        clock_(clock),
        layout_(std::move(layout)),
        page_size_(page_size),
        cache_(cache),
        before_drop_(std::move(before_drop)),
        watch_(watch) {}

  Result<Looked> LookAt(const Segment& segment);
  Result<LogPosition> ReadThenLookLocked(Segment& live);
  // "Locked": the caller holds follow_mutex_.
  Result<OpenedSegment> OpenSegmentsLocked(const std::vector<SegmentNumber>& listed);
  Result<LogPosition> FollowLocked(std::optional<Looked> looked = {}, Bytes read = {});
  Result<bool> PickUpLocked(Segment& live, const Looked& looked, Bytes read);
  Status AdvanceLocked(Segment& ended);  // may leave `ended` the last one if it is live after all
  Result<LogListing> WaitForSuccessorLocked(Segment& ended);
  bool BecomesLive(const Segment& segment) const;
  Status CheckNotReused(const Segment& ended);
  Status DropMergedLocked(SegmentNumber oldest);
  Status CompleteLocked(Segment& ended, FrameNumber counted, Bytes read = {});
  Result<FrameNumber> CountedOf(const Segment& segment) const;
  LastLook last_look() const;
  void Remember(const LastLook& look);
  void NoteAsOf(Instant begun);
  void NoteSeal(const Segment& sealed);
  void Believe(Segment& segment, const NewFrames& frames);
  void AppendLocked(Segment& segment, const NewFrames& frames);  // the caller holds mutex_

  FileSystem& files_;
  Clock& clock_;
  const Layout layout_;
  const uint32_t page_size_;
  PageCache& cache_;
  const BeforeDrop before_drop_;
  Watch& watch_;
  std::atomic<uint32_t> base_page_count_{0};
  std::atomic<int64_t> server_time_ns_{0};
  std::atomic<int64_t> as_of_ns_{std::numeric_limits<int64_t>::min()};
  std::atomic<uint64_t> owned_{0};  // the number of the segment that only this process may write to

  std::mutex follow_mutex_;  // one thread reads new frames; taken before mutex_
  LastLook last_look_;       // guarded by mutex_

  mutable std::shared_mutex mutex_;
  std::vector<std::shared_ptr<Segment>> segments_;  // ascending; the last one is the live one
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_LOG_H_
