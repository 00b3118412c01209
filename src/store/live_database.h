#ifndef SQLITE_EFS_STORE_LIVE_DATABASE_H_
#define SQLITE_EFS_STORE_LIVE_DATABASE_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "lease/lease.h"
#include "store/base_file.h"
#include "store/environment.h"
#include "store/frame_buffer.h"
#include "store/log.h"
#include "store/merger.h"
#include "store/page_cache.h"
#include "store/read_ahead.h"
#include "store/tree_walk.h"

namespace sqlite_efs {

struct StoreOptions {
  size_t cache_bytes = size_t{16} << 20;  // of pages, for all connections of the process
  // Frames after which a writer begins another segment, and merges what is sealed; 0: merging is left to a checkpoint.
  uint32_t autocheckpoint_frames = 1000;
  LeaseOptions lease;
};

// The writer's tenure: which segment it alone may write to. Belongs to whoever has the writer's place.
struct Tenure {
  std::shared_ptr<Segment> segment;  // null: none yet
  bool clean = true;                 // false once a write to the segment did not succeed: it must not be joined again
};

// A live database's open parts: base, log, lease, page cache. The reading functions are thread-safe.
class LiveDatabase {
 public:
  // `lease` is given where it was taken before the database went live.
  static Result<std::shared_ptr<LiveDatabase>> Open(const Environment& environment, const Layout& layout,
                                                    const StoreOptions& options,
                                                    std::unique_ptr<Lease> lease = nullptr);

  // Read when it is first asked for. kCantOpen for a damaged or missing one; kStale if the log has ended.
  Result<std::string> Id();
  const Layout& layout() const { return layout_; }
  // The file system, with the log directory pinned.
  FileSystem& files() { return *files_; }
  uint32_t page_size() const { return base_->page_size(); }
  const BaseFile& base() const { return *base_; }
  Log& log() { return *log_; }
  const Log& log() const { return *log_; }
  PageCache& cache() { return *cache_; }
  Merger& merger() { return *merger_; }

  // Copies out.size() bytes from `offset` of a page as of the state `at`. kConflict if that state has been merged away.
  Status ReadPage(const LogPosition& at, PageNumber page, size_t offset, MutableBytes out);

  // --- for whoever has the writer's place ---

  // Takes the lease, waiting until `deadline`, and a segment that only this process may write to. Returns the newest
  // state, as seen under the lease.
  Result<LogPosition> BeginTenure(Instant deadline);
  // Begins the tenure of a database that the caller has just created, with its lease.
  Status AdoptFirstSegment();
  // Moves the tenure on to an empty segment of its own: what is committed lies in sealed segments then.
  Status BeginEmptySegment(Instant deadline);
  // Whether the tenure's segment has so many frames that the next transaction should begin another one.
  bool SegmentIsFull(uint32_t full_frames) const;
  // Gives the lease back; the next tenure may join the segment if this one was clean. Nothing happens without one.
  Status EndTenure();
  // For how long the tenure may be kept although nobody writes at present; zero: it is to be ended.
  Duration Linger() const { return tenure_.segment && tenure_.clean ? lease_->Linger() : Duration::zero(); }
  const Tenure& tenure() const { return tenure_; }
  // Empty between transactions.
  FrameBuffer& frame_buffer() { return *frame_buffer_; }
  void TenureBroken();
  bool holds_lease() const { return lease_->held(); }
  // Whether there is a tenure to end; its lease may be lost. Any thread.
  bool in_tenure() const { return lease_->active(); }
  std::string lease_store() const { return lease_->store_name(); }
  Watch& watch() { return *watch_; }

 private:
  LiveDatabase(const Environment& environment, Layout layout, std::shared_ptr<Watch> watch)
      : environment_(environment), layout_(std::move(layout)), watch_(std::move(watch)) {}
  Status OpenLog(const LogListing& listing);
  Status NameLease();
  void BeforeDrop(const std::vector<std::shared_ptr<Segment>>& segments);
  Status CheckComplete(const CleanRelease& left) const;
  Status Join(const CleanRelease& previous);
  Status CheckMerged(const Segment& segment);
  Status ReadPageFromBase(const LogPosition& at, PageNumber page, size_t offset, MutableBytes out);
  std::vector<PageRun> RunsWith(const LogPosition& at, PageNumber page);
  void Keep(const LogPosition& at, uint64_t epoch, const BasePages& pages, PageNumber wanted);
  Status OwnNewSegment(Instant deadline);
  void SetTenure(Tenure tenure);

  const Environment& environment_;
  const Layout layout_;
  const std::shared_ptr<Watch> watch_;
  std::unique_ptr<FileSystem> files_;
  std::mutex id_mutex_;
  std::string id_;  // guarded by id_mutex_; empty: not read yet
  std::unique_ptr<BaseFile> base_;
  std::unique_ptr<PageCache> cache_;
  std::unique_ptr<ReadAhead> read_ahead_;  // of the base
  std::unique_ptr<TreeWalk> tree_walk_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Merger> merger_;
  std::unique_ptr<Lease> lease_;
  Tenure tenure_;
  std::unique_ptr<FrameBuffer> frame_buffer_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_LIVE_DATABASE_H_
