#include "store/detach.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "store/base_file.h"
#include "store/generations.h"
#include "store/live_database.h"
#include "store/scratch.h"

namespace sqlite_efs {
namespace {

constexpr Duration kLockPoll = std::chrono::milliseconds(5);
constexpr int kMaxRemovals = 5;
constexpr uint32_t kOwnerOnly = 0700;

// The base, open for writing and locked against stock SQLite, mergers and another detach.
Result<std::unique_ptr<File>> LockBase(const Environment& environment, const std::string& path, Instant deadline) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> base, environment.files.Open(path, OpenMode::kReadWrite));
  while (true) {
    EFS_ASSIGN_OR_RETURN(const bool locked, base->TryLock(kSqliteLockOffset, kSqliteLockLength));
    if (locked) return base;
    if (environment.clock.Now() >= deadline) {
      return Status::Busy(path + " is locked by another program; the wait ended at its timeout");
    }
    environment.clock.Sleep(kLockPoll);
  }
}

Result<bool> IsInRollbackMode(File& base) {
  std::array<std::byte, kDatabaseHeaderSize> header = {};
  EFS_ASSIGN_OR_RETURN(const size_t size, base.ReadAt(0, header));
  return size == header.size() && header[kWriteVersionOffset] == kVersionRollback;
}

// Moves files from the log directory to another one. What marks the end of the log goes last: without it nobody would
// know what the rest is. Before it what became of each segment, for those who have a commit in doubt.
Status MoveNames(FileSystem& pinned, const Layout& from, const Layout& to, std::vector<std::string> names,
                 const std::string& last) {
  for (const std::string& late : {FileNameOf(from.counted()), last}) {
    if (std::erase(names, late) != 0) names.push_back(late);
  }
  for (const std::string& name : names) {
    const Status moved = pinned.Rename(from.directory() + "/" + name, to.directory() + "/" + name);
    if (!moved.ok() && !moved.Is(StatusCode::kNotFound)) return moved;
  }
  return {};
}

// The files go to a scratch directory first: where they are open on this machine, removing them would leave names of
// the NFS client (`.nfs…`) in the log directory, and that would have to stay.
Status RemoveDirectory(const Environment& environment, FileSystem& pinned, const Layout& layout,
                       const std::vector<std::string>& names, const std::string& last) {
  Scratch scratch(environment.files, layout);
  EFS_RETURN_IF_ERROR(scratch.Make(kOwnerOnly));
  Status moved = MoveNames(pinned, layout, scratch.layout(), names, last);
  // Somebody who is late may have made a name since the listing.
  for (int i = 0; moved.ok() && i < kMaxRemovals; i++) {
    const Status removed = environment.files.RemoveDirectory(layout.directory());
    if (!removed.Is(StatusCode::kExists)) {
      EFS_RETURN_IF_ERROR(removed);
      return environment.files.SyncDirectory(FolderOf(layout.base()));
    }
    EFS_ASSIGN_OR_RETURN(const std::vector<std::string> late, pinned.List(layout.directory()));
    moved = MoveNames(pinned, layout, scratch.layout(), late, "");
  }
  EFS_RETURN_IF_ERROR(moved);
  return Status::Busy("the log directory " + layout.directory() + " is still being written to; try again");
}

// The log has ended, and the base, which is locked, has all of it. What is removed late, by a process that was stopped
// here and has lost the lock, is taken from the directory that is pinned, or is a directory that is not empty.
Status RemoveLog(const Environment& environment, FileSystem& pinned, const Layout& layout, File& base) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, pinned.List(layout.directory()));
  std::string last;
  for (const std::string& name : names) {
    if (ParseSegmentName(name)) last = std::max(last, name);
  }
  // Whoever still has the last segment open must not believe what becomes of the base.
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, base.Look());
  for (const std::string& name : names) {
    if (!ParseSegmentName(name) || name == last) continue;
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> segment,
                         pinned.Open(layout.directory() + "/" + name, OpenMode::kRead));
    EFS_RETURN_IF_ERROR(segment->ChangeMode(MergingMode(attributes.mode)));
  }
  EFS_RETURN_IF_ERROR(SetRollbackMode(base));
  EFS_RETURN_IF_ERROR(StampBase(base, environment.clock, environment.merge.tick));
  return RemoveDirectory(environment, pinned, layout, names, last);
}

// One run of DetachDatabase() on a live database.
class Detachment {
 public:
  Detachment(const Environment& environment, const Layout& layout, const StoreOptions& options, Instant deadline,
             const Progress& progress)
      : environment_(environment), layout_(layout), options_(options), deadline_(deadline), progress_(progress) {}

  Result<DetachReport> Run() {
    EFS_ASSIGN_OR_RETURN(live_, LiveDatabase::Open(environment_, layout_, options_));
    EFS_RETURN_IF_ERROR(live_->BeginTenure(deadline_).status());
    Status status = live_->merger().Lock(deadline_);
    if (status.ok()) status = RunLocked();
    live_->merger().Unlock();
    (void)live_->EndTenure();
    if (!status.ok()) return status;
    return report_;
  }

 private:
  Status RunLocked() {
    report_.segments = live_->log().segments().size();
    EFS_RETURN_IF_ERROR(live_->BeginEmptySegment(deadline_));
    EFS_RETURN_IF_ERROR(live_->merger().MergeAll(deadline_, progress_));
    report_.pages_merged = live_->merger().counters().pages;
    EFS_RETURN_IF_ERROR(EndLog());
    live_->TenureBroken();
    File& base = live_->merger().base();
    EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, base.Look());
    report_.bytes = attributes.size;
    live_->watch().Tell(
        environment_.clock, "detach",
        {{"segments", static_cast<int64_t>(report_.segments)}, {"pages", static_cast<int64_t>(report_.pages_merged)}});
    const Status removed = RemoveLog(environment_, live_->files(), layout_, base);
    if (!removed.ok()) report_.leftover = removed.message();
    return {};
  }

  // The commit point: the end of the log takes the place of the last segment's successor, which only one can have. From
  // then on nobody can write to the database through its log.
  Status EndLog() {
    Segment& last = *live_->tenure().segment;
    EFS_ASSIGN_OR_RETURN(const bool ended,
                         Seal(live_->files(), layout_, last, live_->log().EndOf(last), Successor::kEndOfLog));
    if (ended) return {};
    return Status::Busy("another writer took over " + layout_.base() +
                        " while it was being detached; it is still live, try again");
  }

  const Environment& environment_;
  const Layout layout_;
  const StoreOptions& options_;
  const Instant deadline_;
  const Progress& progress_;
  std::shared_ptr<LiveDatabase> live_;
  DetachReport report_;
};

// There is nothing to merge, but perhaps something to remove.
Result<DetachReport> ReportOrdinary(const Environment& environment, const Layout& layout) {
  DetachReport report;
  report.was_live = false;
  const Result<std::unique_ptr<File>> lock = LockBase(environment, layout.base(), environment.clock.Now());
  if (lock.ok() && !IsLive(environment.files, layout.base())) RemoveScratch(environment.files, layout);
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, environment.files.Stat(layout.base()));
  report.bytes = file.size;
  return report;
}

Status CheckPermissions(FileSystem& files, const Layout& layout) {
  for (const std::string& path : {layout.base(), layout.directory(), FolderOf(layout.base())}) {
    if (files.MayWrite(path)) continue;
    return Status::ReadOnly(layout.base() + " cannot be detached without permission to write to " + path +
                            "; run the command as the owner of the database");
  }
  return {};
}

Status FinishPinned(const Environment& environment, FileSystem& pinned, const Layout& layout, Instant deadline) {
  EFS_ASSIGN_OR_RETURN(bool detached, IsDetached(pinned, layout));
  if (!detached) return {};
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> base, LockBase(environment, layout.base(), deadline));
  // The directory is pinned, but the file may have been attached again before it was locked.
  EFS_ASSIGN_OR_RETURN(detached, IsDetached(pinned, layout));
  if (!detached) return {};
  return RemoveLog(environment, pinned, layout, *base);
}

}  // namespace

Result<DetachReport> DetachDatabase(const Environment& environment, const std::string& path, Duration timeout,
                                    const Progress& progress, const StoreOptions& options) {
  const Layout layout(path);
  const Instant deadline = environment.clock.Now() + timeout;
  if (!IsLive(environment.files, path)) return ReportOrdinary(environment, layout);
  EFS_RETURN_IF_ERROR(CheckPermissions(environment.files, layout));
  EFS_RETURN_IF_ERROR(FinishDetach(environment, layout, deadline));
  if (!IsLive(environment.files, path)) return ReportOrdinary(environment, layout);
  return Detachment(environment, layout, options, deadline, progress).Run();
}

Result<bool> IsDetached(FileSystem& files, const Layout& layout) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(layout.directory()));
  EFS_ASSIGN_OR_RETURN(const bool ended, HasEnded(files, layout, names));
  if (ended) return true;
  const Result<LogListing> listing = ListLog(files, layout);
  if (listing.ok()) return false;
  if (!listing.status().Is(StatusCode::kCantOpen)) return listing.status();
  // No whole log: because a detach has removed it, or because somebody has lost it. Only then the header says WAL mode.
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> base, files.Open(layout.base(), OpenMode::kReadFresh));
  return IsInRollbackMode(*base);
}

Status FinishDetach(const Environment& environment, const Layout& layout, Instant deadline) {
  const Result<std::unique_ptr<FileSystem>> pinned = environment.files.Pin(layout.directory());
  const Status finished = pinned.ok() ? FinishPinned(environment, **pinned, layout, deadline) : pinned.status();
  // The directory is gone, for which file servers have two words: somebody else has finished it.
  const bool is_gone = finished.Is(StatusCode::kNotFound) || finished.Is(StatusCode::kStale);
  return is_gone ? Status() : finished;
}

}  // namespace sqlite_efs
