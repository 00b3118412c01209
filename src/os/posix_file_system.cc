#include <dirent.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <list>
#include <mutex>

#include "os/file_system.h"

namespace sqlite_efs {
namespace {

std::atomic<uint64_t> fork_generation{0};

// Every descriptor that this process holds through PosixFileSystem(), so that a child of fork() can close them: a
// child that kept a copy of a lock's descriptor would keep the lock beyond its parent's death.
class Descriptors {
 public:
  using Slot = std::list<std::atomic<int>>::iterator;

  static Descriptors& Instance() {
    static auto* instance = new Descriptors;  // never destroyed: files may outlive static destruction
    return *instance;
  }

  // Calls open(2); the end of the list on failure. No fork() can come between the opening and the noting.
  Slot Open(const char* path, int flags, uint32_t permissions) {
    const std::lock_guard lock(mutex_);
    int fd = -1;
    do {
      fd = ::open(path, flags, permissions);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return fds_.end();
    fds_.emplace_front(fd);
    return fds_.begin();
  }
  bool IsOpen(Slot slot) { return slot != fds_.end(); }

  void Close(Slot slot) {
    const std::lock_guard lock(mutex_);
    const int fd = slot->load();
    if (fd >= 0) ::close(fd);
    fds_.erase(slot);
  }

 private:
  Descriptors() { pthread_atfork(&Prepare, &Parent, &Child); }

  static void Prepare() { Instance().mutex_.lock(); }
  static void Parent() { Instance().mutex_.unlock(); }
  static void Child() {
    for (std::atomic<int>& fd : Instance().fds_) ::close(fd.exchange(-1));
    fork_generation.fetch_add(1);
    Instance().mutex_.unlock();
  }

  std::mutex mutex_;
  std::list<std::atomic<int>> fds_;
};

FileAttributes FromStatx(const struct statx& s) {
  FileAttributes a;
  a.device = (uint64_t{s.stx_dev_major} << 32) | s.stx_dev_minor;
  a.inode = s.stx_ino;
  a.size = s.stx_size;
  a.links = s.stx_nlink;
  a.mode = s.stx_mode & 07777;
  a.mtime_ns = s.stx_mtime.tv_sec * 1'000'000'000 + s.stx_mtime.tv_nsec;
  a.is_directory = S_ISDIR(s.stx_mode);
  return a;
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptors::Slot slot, std::string path) : slot_(slot), path_(std::move(path)) {}
  ~PosixFile() override { Descriptors::Instance().Close(slot_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<size_t> ReadAt(uint64_t offset, MutableBytes out) override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n == 0) break;
      if (n > 0) {
        done += static_cast<size_t>(n);
      } else if (errno != EINTR) {
        return Fail("read");
      }
    }
    return done;
  }

  Status WriteAt(uint64_t offset, Bytes data) override {
    size_t done = 0;
    while (done < data.size()) {
      const ssize_t n = ::pwrite(fd(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
      if (n >= 0) {
        done += static_cast<size_t>(n);
      } else if (errno != EINTR) {
        return Fail("write to");
      }
    }
    return {};
  }

  Status Sync() override { return ::fdatasync(fd()) == 0 ? Status() : Fail("make durable"); }

  Status Truncate(uint64_t size) override {
    while (::ftruncate(fd(), static_cast<off_t>(size)) != 0) {
      if (errno != EINTR) return Fail("set the size of");
    }
    return {};
  }

  Result<FileAttributes> Look() override {
    struct statx s;
    if (::statx(fd(), "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &s) != 0) return Fail("look at");
    return FromStatx(s);
  }

  Status Touch() override { return ::futimens(fd(), nullptr) == 0 ? Status() : Fail("set the time of"); }

  Status ChangeMode(uint32_t mode) override {
    return ::fchmod(fd(), mode) == 0 ? Status() : Fail("change the mode of");
  }

  Result<bool> TryLock(uint64_t offset, uint64_t length) override {
    if (SetLock(F_WRLCK, offset, length) == 0) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    return Fail("lock");
  }

  Status Unlock(uint64_t offset, uint64_t length) override {
    return SetLock(F_UNLCK, offset, length) == 0 ? Status() : Fail("unlock");
  }

  const std::string& path() const override { return path_; }

 private:
  int fd() const { return slot_->load(std::memory_order_relaxed); }
  Status Fail(const char* action) const { return Status::FromErrno(errno, action, path_); }

  int SetLock(int16_t type, uint64_t offset, uint64_t length) const {
    struct flock request = {};
    request.l_type = type;
    request.l_whence = SEEK_SET;
    request.l_start = static_cast<off_t>(offset);
    request.l_len = static_cast<off_t>(length);
    int rc = 0;
    do {
      rc = ::fcntl(fd(), F_OFD_SETLK, &request);
    } while (rc != 0 && errno == EINTR);
    return rc;
  }

  Descriptors::Slot slot_;
  std::string path_;
};

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kWrite:
      return O_WRONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kCreateOrOpen:
      return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

class PosixFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions) override {
    Descriptors& descriptors = Descriptors::Instance();
    const auto slot = descriptors.Open(path.c_str(), FlagsOf(mode) | O_CLOEXEC | O_NOCTTY, permissions);
    if (!descriptors.IsOpen(slot)) return Status::FromErrno(errno, "open", path);
    return std::unique_ptr<File>(new PosixFile(slot, path));
  }

  Result<std::vector<std::string>> List(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), &::closedir);
    if (!dir) return Status::FromErrno(errno, "list", directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    if (errno != 0) return Status::FromErrno(errno, "list", directory);
    return names;
  }

  Result<FileAttributes> Stat(const std::string& path) override {
    struct statx s;
    if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &s) != 0) {
      return Status::FromErrno(errno, "look at", path);
    }
    return FromStatx(s);
  }

  Status Link(const std::string& existing, const std::string& name) override {
    return Check(::link(existing.c_str(), name.c_str()), "create", name);
  }

  Status RenameDirectory(const std::string& from, const std::string& to) override {
    return Check(::rename(from.c_str(), to.c_str()), "rename to", to);
  }

  Status MakeDirectory(const std::string& path, uint32_t permissions) override {
    return Check(::mkdir(path.c_str(), permissions), "make directory", path);
  }

  Status Remove(const std::string& path) override { return Check(::unlink(path.c_str()), "remove", path); }

  Status RemoveDirectory(const std::string& path) override {
    return Check(::rmdir(path.c_str()), "remove directory", path);
  }

  Status SyncDirectory(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return Status::FromErrno(errno, "open", path);
    const Status status = Check(::fsync(fd), "make durable", path);
    ::close(fd);
    return status;
  }

  bool MayWrite(const std::string& path) override { return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0; }

 private:
  static Status Check(int rc, const char* action, const std::string& path) {
    return rc == 0 ? Status() : Status::FromErrno(errno, action, path);
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static PosixFiles files;
  Descriptors::Instance();
  return files;
}

uint64_t ForkGeneration() { return fork_generation.load(std::memory_order_acquire); }

}  // namespace sqlite_efs
