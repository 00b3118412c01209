#ifndef SQLITE_EFS_STORE_MERGER_H_
#define SQLITE_EFS_STORE_MERGER_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/status.h"
#include "os/clock.h"
#include "os/file_system.h"
#include "os/watch.h"
#include "store/environment.h"
#include "store/layout.h"
#include "store/page_copy.h"
#include "store/progress.h"

namespace sqlite_efs {

class Log;

struct MergeCounters {
  uint64_t segments = 0;  // merged and removed by this process
  uint64_t pages = 0;     // written into the base
  std::string obstacle;   // why the last attempt did not get on; empty: it did
};

// Moves the pages of sealed segments into the base, oldest first, and removes the segments (a checkpoint). At any
// instant base and segments together are complete, so a merge may stop or fail anywhere and is repeated by whoever
// comes next. Needs no lease: an exclusive lock on SQLite's locking bytes of the base keeps other mergers, stock SQLite
// and a detach out. Thread-safe. Environment, file system, log and watch must outlive it.
class Merger {
 public:
  // `files` has the log directory pinned.
  Merger(const Environment& environment, FileSystem& files, const Layout& layout, Log& log, Watch& watch)
      : environment_(environment), files_(files), layout_(layout), log_(log), watch_(watch) {}
  ~Merger();
  Merger(const Merger&) = delete;
  Merger& operator=(const Merger&) = delete;

  // Does what is due, a bounded piece of work, after a write transaction. Costs nothing where no segment is sealed.
  // Where far too many are, it waits a moment until they are merged, so that the log stays bounded. A failure is kept
  // for counters(): the commit before it has succeeded.
  void MergeWhatIsDue();

  // Merges every sealed segment, waiting until `deadline` for the lock and for the file server's clock to tick.
  Status MergeAll(Instant deadline, const Progress& progress);

  // Takes the lock on the base and keeps it until Unlock(), so that nobody else merges. kBusy at the deadline.
  Status Lock(Instant deadline);
  void Unlock();
  // The base, open for writing; only between Lock() and Unlock().
  File& base() { return *base_; }

  MergeCounters counters() const;

 private:
  enum class Outcome { kNothingToDo, kProgress, kMustWait };

  // The caller holds mutex_.
  size_t SegmentsDueLocked();
  Result<bool> TryLockLocked();
  Status LockLocked(Instant deadline);
  void UnlockLocked();
  // With the lock held. Copies at most so many segments at a time.
  Result<Outcome> StepLocked(size_t max_segments);
  Status BeginCopyLocked(size_t max_segments);
  Result<bool> IsLeftToAnotherLocked(SegmentNumber merged);
  Result<Outcome> CopyLocked(size_t max_segments, SegmentNumber merged);
  Result<Outcome> RemoveLocked(const LogListing& listing, const CopiedName& copied);
  Status RemoveCopiedNames(const LogListing& listing, const std::string& but_of_copying);
  void CatchUpLocked();
  Duration PauseLocked(Instant deadline) const;
  Result<bool> StampLocked();
  Result<std::string> LastCopying() const;
  Result<SealedSegment> Known(SegmentNumber number);
  void RemoveDebris(const LogListing& listing, SegmentNumber merged);
  void NoteRemoval(uint64_t segments, uint64_t frames);
  void FailLocked(const Status& status);
  void SetObstacle(const std::string& obstacle);

  const Environment& environment_;
  FileSystem& files_;
  const Layout& layout_;
  Log& log_;
  Watch& watch_;
  mutable std::mutex mutex_;
  std::unique_ptr<File> base_;  // read-write, opened by the first attempt
  bool locked_ = false;
  bool poisoned_ = false;           // a write to the base did not succeed: it may still land, so the lock stays held
  bool synced_ = true;              // what this process has written to the base is durable
  std::unique_ptr<PageCopy> copy_;  // under way
  std::string copying_id_;          // names it
  bool awaits_removal_ = false;     // what this process has copied is not removed yet
  std::optional<Instant> last_change_;    // of the base by this process
  std::optional<Instant> pause_until_;    // after a failure
  std::optional<Instant> look_again_at_;  // when others, or the clock, have got on
  std::string other_copy_;                // of another process, which is given time to finish it
  int64_t other_copy_mtime_ns_ = 0;       // of the base, when it was last seen to get on
  Instant other_copy_seen_;               // by this process's clock
  SegmentNumber oldest_;                  // whose time stamp is known
  int64_t oldest_mtime_ns_ = 0;
  mutable std::mutex counters_mutex_;  // taken after mutex_
  MergeCounters counters_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_MERGER_H_
