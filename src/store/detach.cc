#include "store/detach.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "store/base_file.h"
#include "store/live_database.h"

namespace sqlite_efs {
namespace {

constexpr Duration kLockPoll = std::chrono::milliseconds(5);
constexpr uint64_t kProgressStep_pages = 256;
constexpr char kDetachedSuffix[] = ".detached-";  // of the log directory, followed by the database's id

std::string Folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

std::string FileName(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

// The base, open for writing and locked against stock SQLite and against another detach.
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

Status RemoveTree(FileSystem& files, const std::string& directory) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  for (const std::string& name : names) EFS_RETURN_IF_ERROR(files.Remove(directory + "/" + name));
  return files.RemoveDirectory(directory);
}

// Whether every segment in a directory is marked: a detach marks all before it gives the directory its last name.
Result<bool> IsMerged(FileSystem& files, const std::string& directory) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  for (const std::string& name : names) {
    if (!ParseSegmentName(name)) continue;
    EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, files.Stat(directory + "/" + name));
    if (StateOf(attributes) != SegmentState::kMerging) return false;
  }
  return true;
}

// The directories of detaches that were broken off after the database had become an ordinary one.
Result<std::vector<std::string>> FindLeftovers(FileSystem& files, const Layout& layout) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(Folder(layout.base())));
  const std::string prefix = FileName(layout.directory()) + kDetachedSuffix;
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (name.starts_with(prefix)) found.push_back(Folder(layout.base()) + name);
  }
  return found;
}

// Removes them. The caller has locked the base: none of them belongs to a detach that is under way.
std::string RemoveLeftovers(FileSystem& files, const Layout& layout) {
  const Result<std::vector<std::string>> found = FindLeftovers(files, layout);
  if (!found.ok()) return found.status().message();
  for (const std::string& directory : *found) {
    const Result<bool> merged = IsMerged(files, directory);
    if (!merged.ok()) return merged.status().message();
    if (!*merged) return directory + " was left by a detach that another writer disturbed; keep it";
    const Status removed = RemoveTree(files, directory);
    if (!removed.ok()) return removed.message();
  }
  return "";
}

// One run of DetachDatabase() on a live database.
class Detachment {
 public:
  Detachment(const Environment& environment, const Layout& layout, Instant deadline, const Progress& progress)
      : environment_(environment),
        files_(environment.files),
        layout_(layout),
        deadline_(deadline),
        progress_(progress) {}

  Result<DetachReport> Run() {
    EFS_ASSIGN_OR_RETURN(live_, LiveDatabase::Open(environment_, layout_, StoreOptions{}));
    EFS_RETURN_IF_ERROR(live_->BeginTenure(deadline_).status());
    const Status status = RunInTenure();
    if (gone_) live_->TenureBroken();
    (void)live_->EndTenure();
    if (!status.ok()) return status;
    return report_;
  }

 private:
  Status RunInTenure() {
    EFS_ASSIGN_OR_RETURN(base_, LockBase(environment_, layout_.base(), deadline_));
    EFS_RETURN_IF_ERROR(Prepare());
    EFS_RETURN_IF_ERROR(MergeAll());
    EFS_RETURN_IF_ERROR(MoveLogAway());
    EFS_RETURN_IF_ERROR(files_.SyncDirectory(Folder(layout_.base())));
    EFS_RETURN_IF_ERROR(SetRollbackMode(*base_));
    report_.leftover = RemoveLeftovers(files_, layout_);  // what was just moved away, among others
    return {};
  }

  // Puts everything that is committed into sealed segments, and marks these, before anything in the base changes.
  // Transactions that read one of them are told so when they next read the base; those that begin after it read the
  // empty segment, and find every page that is merged in the log.
  Status Prepare() {
    EFS_RETURN_IF_ERROR(live_->BeginEmptySegment(deadline_));
    last_ = live_->tenure().segment;
    EFS_ASSIGN_OR_RETURN(newest_, live_->log().Refresh());
    EFS_RETURN_IF_ERROR(CheckUndisturbed());
    EFS_ASSIGN_OR_RETURN(const FileAttributes base, base_->Look());
    base_mode_ = base.mode;
    for (const std::shared_ptr<Segment>& segment : live_->log().segments()) {
      report_.segments++;
      if (segment == last_) continue;
      EFS_RETURN_IF_ERROR(segment->ChangeMode(ModeFor(SegmentState::kMerging, base_mode_)));
    }
    return {};
  }

  // The last segment is this process's own and empty, unless the lease did not keep others out.
  Status CheckUndisturbed() const {
    return newest_.segment == last_->number() && newest_.frames.value == 0 ? Status() : Disturbed();
  }

  Status Disturbed() const {
    return Status::Busy("another writer took over " + layout_.base() +
                        " while it was being detached; it is still live, try again");
  }

  // Each step is durable before the next, so that the header never states more pages than the file has.
  Status MergeAll() {
    const std::vector<PageNumber> pages = live_->log().Pages(newest_);
    EFS_ASSIGN_OR_RETURN(const FileAttributes before, base_->Look());
    report_.bytes = before.size;
    if (pages.empty()) return {};
    report_.pages_merged = pages.size();
    report_.bytes = uint64_t{newest_.page_count} * live_->page_size();
    const Status merged = MergeAllButFirst(pages, before.size);
    if (!merged.ok()) {
      // On a full disk what it has grown by is needed elsewhere; all of that is in the log.
      if (before.size < report_.bytes) (void)base_->Truncate(before.size);
      return merged;
    }
    EFS_RETURN_IF_ERROR(MergePage({1}));
    EFS_RETURN_IF_ERROR(base_->Sync());
    if (before.size > report_.bytes) {
      EFS_RETURN_IF_ERROR(base_->Truncate(report_.bytes));
      EFS_RETURN_IF_ERROR(base_->Sync());
    }
    if (progress_) progress_(pages.size(), pages.size());
    return {};
  }

  Status MergeAllButFirst(const std::vector<PageNumber>& pages, uint64_t size_before) {
    if (size_before < report_.bytes) EFS_RETURN_IF_ERROR(base_->Truncate(report_.bytes));
    for (size_t i = 0; i < pages.size(); i++) {
      if (pages[i].value != 1) EFS_RETURN_IF_ERROR(MergePage(pages[i]));
      if (progress_ && i % kProgressStep_pages == 0) progress_(i, pages.size());
    }
    return base_->Sync();
  }

  Status MergePage(PageNumber page) {
    buffer_.resize(live_->page_size());
    const std::optional<FrameLocation> location = live_->log().Find(page, newest_);
    assert(location);  // page 1 is part of every commit
    EFS_RETURN_IF_ERROR(location->segment->ReadPage(location->frame, buffer_));
    if (page.value == 1) buffer_[kWriteVersionOffset] = buffer_[kWriteVersionOffset + 1] = kVersionWal;
    return base_->WriteAt(uint64_t{page.value - 1} * buffer_.size(), buffer_);
  }

  // The commit point. Once the last segment is marked, nobody can give it a successor as long as the base is locked
  // (see Seal()); a reader that still has it open believes nothing more that it reads from the base.
  Status MoveLogAway() {
    EFS_ASSIGN_OR_RETURN(newest_, live_->log().Refresh());
    EFS_RETURN_IF_ERROR(CheckUndisturbed());
    EFS_RETURN_IF_ERROR(last_->ChangeMode(ModeFor(SegmentState::kMerging, base_mode_)));
    const std::string away = layout_.directory() + kDetachedSuffix + live_->id();
    EFS_RETURN_IF_ERROR(files_.Rename(layout_.directory(), away));
    const Status complete = CheckComplete(Layout(layout_.base(), away));
    gone_ = complete.ok() || !files_.Rename(away, layout_.directory()).ok();
    return complete;
  }

  // What was moved away is what was merged. It can be more only if the lease did not keep other writers out.
  Status CheckComplete(const Layout& away) const {
    EFS_ASSIGN_OR_RETURN(const std::vector<SegmentNumber> numbers, ListSegments(files_, away));
    EFS_ASSIGN_OR_RETURN(const bool marked, IsMerged(files_, away.directory()));
    return marked && numbers.back() == last_->number() ? Status() : Disturbed();
  }

  const Environment& environment_;
  FileSystem& files_;
  const Layout layout_;
  const Instant deadline_;
  const Progress& progress_;
  std::shared_ptr<LiveDatabase> live_;
  std::unique_ptr<File> base_;     // locked
  std::shared_ptr<Segment> last_;  // live and empty
  LogPosition newest_;
  uint32_t base_mode_ = 0;
  bool gone_ = false;  // the database is an ordinary one
  std::vector<std::byte> buffer_;
  DetachReport report_;
};

// There is nothing to merge, but perhaps something to remove.
Result<DetachReport> FinishEarlierDetach(const Environment& environment, const Layout& layout, Instant deadline) {
  DetachReport report;
  report.was_live = false;
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, environment.files.Stat(layout.base()));
  report.bytes = file.size;
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> leftovers, FindLeftovers(environment.files, layout));
  if (leftovers.empty()) return report;
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> locked, LockBase(environment, layout.base(), deadline));
  report.leftover = RemoveLeftovers(environment.files, layout);
  return report;
}

Status CheckPermissions(FileSystem& files, const Layout& layout) {
  for (const std::string& path : {layout.base(), layout.directory(), Folder(layout.base())}) {
    if (files.MayWrite(path)) continue;
    return Status::ReadOnly(layout.base() + " cannot be detached without permission to write to " + path +
                            "; run the command as the owner of the database");
  }
  return {};
}

}  // namespace

Result<DetachReport> DetachDatabase(const Environment& environment, const std::string& path, Duration timeout,
                                    const Progress& progress) {
  const Layout layout(path);
  const Instant deadline = environment.clock.Now() + timeout;
  if (!IsLive(environment.files, path)) return FinishEarlierDetach(environment, layout, deadline);
  EFS_RETURN_IF_ERROR(CheckPermissions(environment.files, layout));
  return Detachment(environment, layout, deadline, progress).Run();
}

Status SetRollbackMode(File& database) {
  const std::array<std::byte, 2> versions = {kVersionRollback, kVersionRollback};
  EFS_RETURN_IF_ERROR(database.WriteAt(kWriteVersionOffset, versions));
  return database.Sync();
}

}  // namespace sqlite_efs
