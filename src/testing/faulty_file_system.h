#ifndef SQLITE_EFS_TESTING_FAULTY_FILE_SYSTEM_H_
#define SQLITE_EFS_TESTING_FAULTY_FILE_SYSTEM_H_

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "testing/forwarding_file_system.h"

namespace sqlite_efs::testing {

// Ways in which a file system may not be what the engine rests on.
enum class Fault {
  kNone,
  kLooksMissSizes,  // looks show what the first one has shown
  kLooksMissNames,
  kLooksMissModes,
  kRemovedHasName,
  kTouchShowsOldNames,
  kTouchShowsOldModes,
  kTouchLeavesTimes,
  kTimesInSeconds,
  kReadsOldData,  // what the file had when it was opened
  kGrowsWithGarbage,
  kIgnoresCuts,
  kNoSecondNames,
  kLinksReplace,
  kCreationsReplace,
  kRenamesOfNothing,     // succeed
  kReplacesInTwoSteps,   // renames leave no name for a while
  kOpensReplacedFiles,   // of a name the file that was opened first
  kListsOnce,            // later listings are the first one
  kMissingStaysMissing,  // names that were looked up
  kChangesNames,         // in listings
  kReplacesDirectories,
  kPinsByName,
  kFixedModes,
  kCannotSync,
  kLocksExcludeNobody,
  kNoLocks,
  kLocksStay,
  kFull,
};

// A real file system with one fault. Thread-safe.
class FaultyFileSystem final : public ForwardingFileSystem {
 public:
  FaultyFileSystem(FileSystem& real, Fault fault) : ForwardingFileSystem(real), fault_(fault) {}

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions) override {
    const std::lock_guard lock(mutex_);
    if (missing_.contains(path)) return Status::FromErrno(ENOENT, "open", path);
    if (fault_ == Fault::kCreationsReplace && mode == OpenMode::kCreateNew) mode = OpenMode::kCreateOrOpen;
    if (fault_ == Fault::kOpensReplacedFiles && mode == OpenMode::kRead) {
      const std::string old = path + ".replaced";
      if (opened_.insert(path).second) (void)real_.Link(path, old);
      EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, real_.Open(old, mode, permissions));
      return file;
    }
    EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, real_.Open(path, mode, permissions));
    return std::unique_ptr<File>(new FaultyFile(std::move(file), fault_, mode == OpenMode::kReadFresh));
  }
  Result<std::vector<std::string>> List(const std::string& directory) override {
    EFS_ASSIGN_OR_RETURN(std::vector<std::string> names, real_.List(directory));
    const std::lock_guard lock(mutex_);
    if (fault_ == Fault::kListsOnce) return listed_.emplace(directory, names).first->second;
    if (fault_ == Fault::kChangesNames) {
      for (std::string& name : names) std::replace(name.begin(), name.end(), '.', '_');
    }
    return names;
  }
  Result<FileAttributes> Stat(const std::string& path) override {
    Result<FileAttributes> attributes = real_.Stat(path);
    const std::lock_guard lock(mutex_);
    if (!attributes.ok() && fault_ == Fault::kMissingStaysMissing) missing_.insert(path);
    return attributes;
  }
  Status Link(const std::string& existing, const std::string& name) override {
    if (fault_ == Fault::kNoSecondNames) return Status::FromErrno(EPERM, "create", name);
    if (fault_ == Fault::kLinksReplace) (void)real_.Remove(name);
    return real_.Link(existing, name);
  }
  Status Rename(const std::string& from, const std::string& to) override {
    if (fault_ == Fault::kReplacesDirectories) std::filesystem::remove_all(to);
    if (fault_ == Fault::kReplacesInTwoSteps && real_.Remove(to).ok()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const Status renamed = real_.Rename(from, to);
    return fault_ == Fault::kRenamesOfNothing && renamed.Is(StatusCode::kNotFound) ? Status() : renamed;
  }
  Result<std::unique_ptr<FileSystem>> Pin(const std::string& directory) override {
    if (fault_ != Fault::kPinsByName) return real_.Pin(directory);
    return std::unique_ptr<FileSystem>(new ForwardingFileSystem(real_));
  }

 private:
  class FaultyFile final : public File {
   public:
    FaultyFile(std::unique_ptr<File> real, Fault fault, bool is_fresh) : real_(std::move(real)), fault_(fault) {
      if (fault_ == Fault::kReadsOldData && is_fresh) ReadOld();
    }
    Result<size_t> ReadAt(uint64_t offset, MutableBytes out) override {
      if (!old_) return real_->ReadAt(offset, out);
      const size_t size = offset < old_->size() ? std::min(out.size(), old_->size() - offset) : 0;
      std::copy_n(old_->begin() + static_cast<ptrdiff_t>(offset), size, out.begin());
      return size;
    }
    Status WriteAt(uint64_t offset, Bytes data) override {
      return fault_ == Fault::kFull ? Status::FromErrno(ENOSPC, "write to", path()) : real_->WriteAt(offset, data);
    }
    Status Sync() override {
      return fault_ == Fault::kCannotSync ? Status::FromErrno(EINVAL, "make durable", path()) : real_->Sync();
    }
    Status Truncate(uint64_t size) override {
      EFS_ASSIGN_OR_RETURN(const FileAttributes now, real_->Look());
      if (size < now.size) return fault_ == Fault::kIgnoresCuts ? Status() : real_->Truncate(size);
      const std::vector<std::byte> garbage(size - now.size, std::byte{1});
      return fault_ == Fault::kGrowsWithGarbage ? real_->WriteAt(now.size, garbage) : real_->Truncate(size);
    }
    const FileAttributes& Opened() const override { return real_->Opened(); }
    Result<FileAttributes> Look() override {
      EFS_ASSIGN_OR_RETURN(FileAttributes seen, real_->Look());
      if (!first_) first_ = seen;
      if (fault_ == Fault::kLooksMissSizes) seen.size = first_->size;
      if (fault_ == Fault::kLooksMissNames) seen.links = first_->links;
      if (fault_ == Fault::kLooksMissModes) seen.mode = first_->mode;
      if (fault_ == Fault::kRemovedHasName) seen.links = std::max<uint64_t>(seen.links, 1);
      return Rounded(seen);
    }
    Result<FileAttributes> TouchAndLook() override {
      if (fault_ == Fault::kTouchLeavesTimes) return Look();
      EFS_ASSIGN_OR_RETURN(FileAttributes seen, real_->TouchAndLook());
      if (fault_ == Fault::kTouchShowsOldNames && first_) seen.links = first_->links;
      if (fault_ == Fault::kTouchShowsOldModes && first_) seen.mode = first_->mode;
      return Rounded(seen);
    }
    Status ChangeMode(uint32_t mode) override {
      return fault_ == Fault::kFixedModes ? Status() : real_->ChangeMode(mode);
    }
    Result<bool> TryLock(uint64_t offset, uint64_t length) override {
      if (fault_ == Fault::kNoLocks) return Status::FromErrno(ENOLCK, "lock", path());
      if (fault_ == Fault::kLocksExcludeNobody) return true;
      if (refused_) return false;
      Result<bool> locked = real_->TryLock(offset, length);
      refused_ = fault_ == Fault::kLocksStay && locked.ok() && !*locked;
      return locked;
    }
    Status Unlock(uint64_t offset, uint64_t length) override { return real_->Unlock(offset, length); }
    const std::string& path() const override { return real_->path(); }

   private:
    void ReadOld() {
      const Result<FileAttributes> now = real_->Look();
      if (!now.ok()) return;
      old_.emplace(now->size);
      (void)real_->ReadAt(0, *old_);
    }
    FileAttributes Rounded(FileAttributes seen) const {
      constexpr int64_t kSecond_ns = 1'000'000'000;
      if (fault_ == Fault::kTimesInSeconds) seen.mtime_ns -= seen.mtime_ns % kSecond_ns;
      return seen;
    }

    const std::unique_ptr<File> real_;
    const Fault fault_;
    std::optional<std::vector<std::byte>> old_;
    std::optional<FileAttributes> first_;
    bool refused_ = false;
  };

  const Fault fault_;
  std::mutex mutex_;
  std::set<std::string> missing_;
  std::set<std::string> opened_;
  std::map<std::string, std::vector<std::string>> listed_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_FAULTY_FILE_SYSTEM_H_
