#ifndef SQLITE_EFS_TESTING_SCRIPTED_FILE_SYSTEM_H_
#define SQLITE_EFS_TESTING_SCRIPTED_FILE_SYSTEM_H_

#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/file_system.h"

namespace sqlite_efs::testing {

enum class Op {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kLook,
  kTouch,
  kChangeMode,
  kTryLock,
  kUnlock,
  kList,
  kStat,
  kLink,
  kRename,
  kMakeDirectory,
  kRemove,
  kRemoveDirectory,
  kSyncDirectory,
};

struct Call {
  Op op;
  const std::string& path;  // for kLink and kRename: the new name
  Bytes data = {};          // of kWrite
  uint64_t offset = 0;      // of kWrite
};

// Called before or after the operation; what it returns unless OK is the operation's result. An error before means that
// nothing was done, an error after that it was done and only the reply was lost.
using Hook = std::function<Status(const Call&)>;

// A real file system in which a test may fail, observe or delay any call. Without hooks it changes nothing. Hooks run
// on the calling thread, without a lock: they may use the file system themselves.
class ScriptedFileSystem final : public FileSystem {
 public:
  explicit ScriptedFileSystem(FileSystem& real) : real_(real), root_(*this) {}

  void Before(Hook hook) { Set(&before_, std::move(hook)); }
  void After(Hook hook) { Set(&after_, std::move(hook)); }
  void Clear() {
    Before(nullptr);
    After(nullptr);
  }

  // What becomes of a host that was cut off: the file server gives its locks away, and refuses from now on what it
  // writes through the descriptors that held them. Changes of names are not refused.
  void LoseLocks() {
    const std::lock_guard lock(mutex_);
    for (const std::weak_ptr<OpenedFile>& held : std::exchange(locked_, {})) {
      const std::shared_ptr<OpenedFile> opened = held.lock();
      if (!opened) continue;
      opened->is_refused = true;
      (void)opened->real->Unlock(0, 0);  // all of it
    }
  }

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions) override {
    return Run<std::unique_ptr<File>>({Op::kOpen, path}, [&]() -> Result<std::unique_ptr<File>> {
      EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, real_.Open(path, mode, permissions));
      return std::unique_ptr<File>(new ScriptedFile(root_, std::move(file)));
    });
  }
  Result<std::vector<std::string>> List(const std::string& directory) override {
    return Run<std::vector<std::string>>({Op::kList, directory}, [&] { return real_.List(directory); });
  }
  // Asks nobody: no call, so without hooks.
  Result<std::vector<std::string>> ListKnown(const std::string& directory) override {
    return real_.ListKnown(directory);
  }
  Result<FileAttributes> Stat(const std::string& path) override {
    return Run<FileAttributes>({Op::kStat, path}, [&] { return real_.Stat(path); });
  }
  Status Link(const std::string& existing, const std::string& name) override {
    return Run({Op::kLink, name}, [&] { return real_.Link(existing, name); });
  }
  Status Rename(const std::string& from, const std::string& to) override {
    return Run({Op::kRename, to}, [&] { return real_.Rename(from, to); });
  }
  Status MakeDirectory(const std::string& path, uint32_t permissions) override {
    return Run({Op::kMakeDirectory, path}, [&] { return real_.MakeDirectory(path, permissions); });
  }
  Status Remove(const std::string& path) override {
    return Run({Op::kRemove, path}, [&] { return real_.Remove(path); });
  }
  Status RemoveDirectory(const std::string& path) override {
    return Run({Op::kRemoveDirectory, path}, [&] { return real_.RemoveDirectory(path); });
  }
  Status SyncDirectory(const std::string& path) override {
    return Run({Op::kSyncDirectory, path}, [&] { return real_.SyncDirectory(path); });
  }
  bool MayWrite(const std::string& path) override { return real_.MayWrite(path); }
  Result<std::unique_ptr<FileSystem>> Pin(const std::string& directory) override {
    EFS_ASSIGN_OR_RETURN(std::unique_ptr<FileSystem> pinned, real_.Pin(directory));
    return std::unique_ptr<FileSystem>(new ScriptedFileSystem(std::move(pinned), root_));
  }
  std::string Machine() override { return real_.Machine(); }

 private:
  struct OpenedFile {
    std::unique_ptr<File> real;
    std::atomic<bool> is_refused{false};
  };

  class ScriptedFile final : public File {
   public:
    ScriptedFile(ScriptedFileSystem& files, std::unique_ptr<File> real)
        : files_(files), opened_(new OpenedFile{std::move(real)}) {}
    Result<size_t> ReadAt(uint64_t offset, MutableBytes out) override {
      return files_.Run<size_t>({Op::kRead, path()}, [&] { return real().ReadAt(offset, out); });
    }
    Status WriteAt(uint64_t offset, Bytes data) override {
      const Call call = {Op::kWrite, path(), data, offset};
      return files_.Run(call, [&] { return opened_->is_refused ? Refused() : real().WriteAt(offset, data); });
    }
    Status Sync() override {
      return files_.Run({Op::kSync, path()}, [&] { return real().Sync(); });
    }
    Status Flush() override {
      return files_.Run({Op::kSync, path()}, [&] { return real().Flush(); });
    }
    Status Truncate(uint64_t size) override {
      const Call call = {Op::kTruncate, path()};
      return files_.Run(call, [&] { return opened_->is_refused ? Refused() : real().Truncate(size); });
    }
    Result<FileAttributes> Look() override {
      return files_.Run<FileAttributes>({Op::kLook, path()}, [&] { return real().Look(); });
    }
    const FileAttributes& Opened() const override { return real().Opened(); }
    Result<FileAttributes> TouchAndLook() override {
      return files_.Run<FileAttributes>({Op::kTouch, path()}, [&] { return real().TouchAndLook(); });
    }
    Status ChangeMode(uint32_t mode) override {
      return files_.Run({Op::kChangeMode, path()}, [&] { return real().ChangeMode(mode); });
    }
    Result<bool> TryLock(uint64_t offset, uint64_t length) override {
      return files_.Run<bool>({Op::kTryLock, path()}, [&] {
        Result<bool> taken = real().TryLock(offset, length);
        if (taken.ok() && *taken) files_.NoteLocked(opened_, true);
        return taken;
      });
    }
    Status Unlock(uint64_t offset, uint64_t length) override {
      return files_.Run({Op::kUnlock, path()}, [&] {
        files_.NoteLocked(opened_, false);
        return real().Unlock(offset, length);
      });
    }
    const std::string& path() const override { return real().path(); }

   private:
    File& real() const { return *opened_->real; }
    Status Refused() const { return Status::FromErrno(EIO, "(its lock is lost)", path()); }

    ScriptedFileSystem& files_;
    const std::shared_ptr<OpenedFile> opened_;
  };

  // A pinned view: the hooks are those of `root`.
  ScriptedFileSystem(std::unique_ptr<FileSystem> pinned, ScriptedFileSystem& root)
      : pinned_(std::move(pinned)), real_(*pinned_), root_(root) {}

  void NoteLocked(const std::shared_ptr<OpenedFile>& opened, bool is_locked) {
    const std::lock_guard lock(mutex_);
    std::erase_if(locked_, [&](const auto& held) { return held.expired() || held.lock() == opened; });
    if (is_locked) locked_.push_back(opened);
  }

  using SharedHook = std::shared_ptr<const Hook>;

  void Set(SharedHook* slot, Hook hook) {
    const std::lock_guard lock(mutex_);
    *slot = hook ? std::make_shared<const Hook>(std::move(hook)) : nullptr;
  }
  Status Ask(const SharedHook& slot, const Call& call) {
    SharedHook hook;
    {
      const std::lock_guard lock(mutex_);
      hook = slot;
    }
    return hook ? (*hook)(call) : Status();
  }

  template <typename Action>
  Status Run(const Call& call, Action&& action) {
    EFS_RETURN_IF_ERROR(root_.Ask(root_.before_, call));
    EFS_RETURN_IF_ERROR(action());
    return root_.Ask(root_.after_, call);
  }
  template <typename T, typename Action>
  Result<T> Run(const Call& call, Action&& action) {
    EFS_RETURN_IF_ERROR(root_.Ask(root_.before_, call));
    Result<T> result = action();
    if (!result.ok()) return result;
    EFS_RETURN_IF_ERROR(root_.Ask(root_.after_, call));
    return result;
  }

  std::unique_ptr<FileSystem> pinned_;
  FileSystem& real_;
  ScriptedFileSystem& root_;
  std::mutex mutex_;
  SharedHook before_;
  SharedHook after_;
  std::vector<std::weak_ptr<OpenedFile>> locked_;
};

// Whether the call is `op` on a file whose name ends like that.
inline bool Is(const Call& call, Op op, std::string_view ending) {
  return call.op == op && std::string_view(call.path).ends_with(ending);
}

// A hook that fails, with that errno, the `nth` to the `last` call (from 1) of `op` on files of that ending.
inline Hook Fail(Op op, std::string ending, int error, int nth = 1, int last = -1) {
  if (last < 0) last = nth;
  return [=, count = std::make_shared<std::pair<std::mutex, int>>()](const Call& call) -> Status {
    if (!Is(call, op, ending)) return {};
    const std::lock_guard lock(count->first);
    const int n = ++count->second;
    return n >= nth && n <= last ? Status::FromErrno(error, "(scripted)", call.path) : Status();
  };
}

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_SCRIPTED_FILE_SYSTEM_H_
