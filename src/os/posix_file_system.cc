#include <dirent.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <list>
#include <mutex>
#include <optional>

#include "base/metrics.h"
#include "os/file_system.h"
#include "os/mount.h"
#include "os/read_together.h"

namespace sqlite_efs {
namespace {

constexpr int kMaxInterrupts = 1000;  // by signals, of one system call

std::atomic<uint64_t> fork_generation{0};

// Calls again while a signal interrupts the call. Not for calls that change names: whether they were done is not known.
template <typename Call>
int Uninterrupted(Call call) {
  int rc = call();
  for (int i = 0; i < kMaxInterrupts && rc < 0 && errno == EINTR; i++) rc = call();
  return rc;
}

void Counted(Count call) { ProcessMetrics().Add(call); }

// Every descriptor that this process holds through PosixFileSystem(), so that a child of fork() can close them: a
// child that kept a copy of a lock's descriptor would keep the lock beyond its parent's death.
class Descriptors {
 public:
  using Slot = std::list<std::atomic<int>>::iterator;

  static Descriptors& Instance() {
    static auto* instance = new Descriptors;  // never destroyed: files may outlive static destruction
    return *instance;
  }

  // Calls openat(2); the end of the list on failure. No fork() can come between the opening and the noting.
  Slot Open(int directory, const char* path, int flags, uint32_t permissions) {
    const std::lock_guard lock(mutex_);
    const int fd = Uninterrupted([&] { return ::openat(directory, path, flags, permissions); });
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

// Whether a file with that device's major number lies on a disk of this machine. There are local file systems without
// a disk (tmpfs), but none over a network with one.
bool IsOfDisk(uint32_t major_number) { return major_number != 0; }

class PosixFile final : public File {
 public:
  PosixFile(Descriptors::Slot slot, std::string path, const FileAttributes& opened, bool asks_the_server)
      : slot_(slot), path_(std::move(path)), opened_(opened), asks_the_server_(asks_the_server) {}
  ~PosixFile() override { Descriptors::Instance().Close(slot_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<size_t> ReadAt(uint64_t offset, MutableBytes out) override {
    Counted(Count::kFileReads);
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
    ProcessMetrics().Add(Count::kBytesRead, done);
    return done;
  }

  Status ReadAll(std::span<ReadRequest> requests) override {
    if (!asks_the_server_ || requests.size() < 2) return File::ReadAll(requests);
    ReadTogether(fd(), requests);
    // What that has left: the rest of a short read, or all.
    for (ReadRequest& request : requests) {
      if (request.done != 0) {
        Counted(Count::kFileReads);
        ProcessMetrics().Add(Count::kBytesRead, request.done);
      }
      const MutableBytes rest = request.out.subspan(request.done);
      if (rest.empty()) continue;
      EFS_ASSIGN_OR_RETURN(const size_t more, ReadAt(request.offset + request.done, rest));
      request.done += more;
    }
    return {};
  }

  Status WriteAt(uint64_t offset, Bytes data) override {
    Counted(Count::kFileWrites);
    size_t done = 0;
    while (done < data.size()) {
      const ssize_t n = ::pwrite(fd(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
      if (n >= 0) {
        done += static_cast<size_t>(n);
      } else if (errno != EINTR) {
        return Fail("write to");
      }
    }
    ProcessMetrics().Add(Count::kBytesWritten, done);
    return {};
  }

  Status Sync() override {
    Counted(Count::kFileSyncs);
    return Check(Uninterrupted([&] { return ::fdatasync(fd()); }), "make durable");
  }

  Status Flush() override {
    struct stat s;
    if (::fstat(fd(), &s) != 0) return Fail("look at");
    return IsOfDisk(major(s.st_dev)) ? Status() : Sync();
  }

  Status Truncate(uint64_t size) override {
    Counted(Count::kFileChanges);
    return Check(Uninterrupted([&] { return ::ftruncate(fd(), static_cast<off_t>(size)); }), "set the size of");
  }

  Result<FileAttributes> Look() override {
    Counted(Count::kFileLooks);
    struct statx s;
    if (::statx(fd(), "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &s) != 0) return Fail("look at");
    return FromStatx(s);
  }

  const FileAttributes& Opened() const override { return opened_; }

  // The reply to a SETATTR brings all attributes (RFC 8881, the client asks for them in the same COMPOUND), which the
  // client shows until something newer comes.
  Result<FileAttributes> TouchAndLook() override {
    Counted(Count::kFileChanges);
    if (Uninterrupted([&] { return ::futimens(fd(), nullptr); }) != 0) return Fail("set the time of");
    struct statx s;
    if (::statx(fd(), "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &s) != 0) return Fail("look at");
    return FromStatx(s);
  }

  Status ChangeMode(uint32_t mode) override {
    Counted(Count::kFileChanges);
    return Check(Uninterrupted([&] { return ::fchmod(fd(), mode); }), "change the mode of");
  }

  Result<bool> TryLock(uint64_t offset, uint64_t length) override {
    if (SetLock(F_WRLCK, offset, length) == 0) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    return Fail("lock");
  }

  Status Unlock(uint64_t offset, uint64_t length) override { return Check(SetLock(F_UNLCK, offset, length), "unlock"); }

  const std::string& path() const override { return path_; }

 private:
  int fd() const { return slot_->load(std::memory_order_relaxed); }
  Status Fail(const char* action) const { return Status::FromErrno(errno, action, path_); }
  Status Check(int rc, const char* action) const { return rc == 0 ? Status() : Fail(action); }

  int SetLock(int16_t type, uint64_t offset, uint64_t length) const {
    Counted(Count::kFileLocks);
    struct flock request = {};
    request.l_type = type;
    request.l_whence = SEEK_SET;
    request.l_start = static_cast<off_t>(offset);
    request.l_len = static_cast<off_t>(length);
    return Uninterrupted([&] { return ::fcntl(fd(), F_OFD_SETLK, &request); });
  }

  Descriptors::Slot slot_;
  std::string path_;
  const FileAttributes opened_;
  const bool asks_the_server_;  // O_DIRECT on NFS
};

// Whether a file lies on NFS, where O_DIRECT asks for no alignment and means the server.
bool IsOnNfs(const struct statx& s) {
  if (IsOfDisk(s.stx_dev_major)) return false;
  const std::optional<Mount> mount = MountOfDevice(s.stx_dev_major, s.stx_dev_minor);
  return mount && mount->IsNfs();
}

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
    case OpenMode::kReadFresh:
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

// A held directory, closed with the object.
class HeldDirectory {
 public:
  explicit HeldDirectory(Descriptors::Slot slot) : slot_(slot) {}
  ~HeldDirectory() { Descriptors::Instance().Close(slot_); }
  HeldDirectory(const HeldDirectory&) = delete;
  HeldDirectory& operator=(const HeldDirectory&) = delete;
  int fd() const { return slot_->load(std::memory_order_relaxed); }

 private:
  Descriptors::Slot slot_;
};

// proc_sys_kernel(5); where there is none, the host's name, which a machine that replaces this one should not share.
std::string ReadBootId() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  if (!id.empty()) return id;
  std::array<char, 256> host = {};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "?";
}

class PosixFiles final : public FileSystem {
 public:
  PosixFiles() = default;
  PosixFiles(std::string pinned, Descriptors::Slot slot)
      : prefix_(std::move(pinned) + "/"), held_(std::make_unique<HeldDirectory>(slot)) {}

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions) override {
    Counted(Count::kFileOpens);
    Descriptors& descriptors = Descriptors::Instance();
    const Place at = PlaceOf(path);
    const auto slot = descriptors.Open(at.directory, at.name, FlagsOf(mode) | O_CLOEXEC | O_NOCTTY, permissions);
    if (!descriptors.IsOpen(slot)) return Status::FromErrno(errno, "open", path);
    if (mode != OpenMode::kReadFresh) return std::unique_ptr<File>(new PosixFile(slot, path, {}, false));
    // The reply to an OPEN brings all attributes, as that to a SETATTR does.
    struct statx s = {};
    const bool known = ::statx(*slot, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &s) == 0;
    const int error = errno;
    const bool on_nfs = known && IsOnNfs(s);
    std::unique_ptr<File> file(new PosixFile(slot, path, FromStatx(s), on_nfs));
    if (!known) return Status::FromErrno(error, "look at", path);
    if (on_nfs && ::fcntl(*slot, F_SETFL, O_DIRECT) != 0) {
      return Status::FromErrno(errno, "read past the cache of this host", path);
    }
    return file;
  }

  Result<std::vector<std::string>> List(const std::string& directory) override {
    const Place at = PlaceOf(directory);
    // An opening need not ask the server; this does, and makes later look-ups fresh.
    struct statx s;
    if (::statx(at.directory, at.name, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &s) != 0) {
      return Status::FromErrno(errno, "list", directory);
    }
    return ListKnown(directory);
  }

  Result<std::vector<std::string>> ListKnown(const std::string& directory) override {
    Counted(Count::kFileLists);
    const Place at = PlaceOf(directory);
    // To open the held directory again would be one more question to the server. Its descriptors share one position.
    const bool is_held = held_ && at.directory == held_->fd() && std::strcmp(at.name, ".") == 0;
    const std::unique_lock lock(listing_mutex_);
    const int fd = is_held ? ::fcntl(held_->fd(), F_DUPFD_CLOEXEC, 0) : OpenDirectory(at);
    if (fd < 0) return Status::FromErrno(errno, "list", directory);
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd), &::closedir);
    if (!dir) {
      ::close(fd);
      return Status::FromErrno(ENOMEM, "list", directory);
    }
    ::rewinddir(dir.get());
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
    Counted(Count::kFileStats);
    const Place at = PlaceOf(path);
    struct statx s;
    if (::statx(at.directory, at.name, 0, STATX_BASIC_STATS, &s) != 0) {
      return Status::FromErrno(errno, "look at", path);
    }
    return FromStatx(s);
  }

  Status Link(const std::string& existing, const std::string& name) override {
    Counted(Count::kFileNames);
    const Place from = PlaceOf(existing);
    const Place to = PlaceOf(name);
    return Check(::linkat(from.directory, from.name, to.directory, to.name, 0), "create", name);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    Counted(Count::kFileNames);
    const Place old_place = PlaceOf(from);
    const Place new_place = PlaceOf(to);
    return Check(::renameat(old_place.directory, old_place.name, new_place.directory, new_place.name), "rename to", to);
  }

  Status MakeDirectory(const std::string& path, uint32_t permissions) override {
    Counted(Count::kFileNames);
    const Place at = PlaceOf(path);
    return Check(::mkdirat(at.directory, at.name, permissions), "make directory", path);
  }

  Status Remove(const std::string& path) override {
    Counted(Count::kFileNames);
    const Place at = PlaceOf(path);
    return Check(::unlinkat(at.directory, at.name, 0), "remove", path);
  }

  Status RemoveDirectory(const std::string& path) override {
    Counted(Count::kFileNames);
    const Place at = PlaceOf(path);
    return Check(::unlinkat(at.directory, at.name, AT_REMOVEDIR), "remove directory", path);
  }

  Status SyncDirectory(const std::string& path) override {
    const int fd = OpenDirectory(PlaceOf(path));
    if (fd < 0) return Status::FromErrno(errno, "open", path);
    const Status status = Check(Uninterrupted([&] { return ::fsync(fd); }), "make durable", path);
    ::close(fd);
    return status;
  }

  bool MayWrite(const std::string& path) override {
    const Place at = PlaceOf(path);
    return ::faccessat(at.directory, at.name, W_OK, AT_EACCESS) == 0;
  }

  Result<std::unique_ptr<FileSystem>> Pin(const std::string& directory) override {
    Descriptors& descriptors = Descriptors::Instance();
    const Place at = PlaceOf(directory);
    const auto slot = descriptors.Open(at.directory, at.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (!descriptors.IsOpen(slot)) return Status::FromErrno(errno, "open", directory);
    return std::unique_ptr<FileSystem>(new PosixFiles(directory, slot));
  }

  std::string Machine() override {
    static const auto* const machine = new std::string(ReadBootId());
    return *machine;
  }

 private:
  // Where a path is looked up: a directory's descriptor, and a name that is relative to it. Valid while the path is.
  struct Place {
    int directory;
    const char* name;
  };

  Place PlaceOf(const std::string& path) const {
    if (!held_) return {AT_FDCWD, path.c_str()};
    if (path.compare(0, prefix_.size(), prefix_) == 0) return {held_->fd(), path.c_str() + prefix_.size()};
    const bool is_the_directory = path.size() + 1 == prefix_.size() && prefix_.compare(0, path.size(), path) == 0;
    return is_the_directory ? Place{held_->fd(), "."} : Place{AT_FDCWD, path.c_str()};
  }

  static int OpenDirectory(const Place& at) {
    return Uninterrupted([&] { return ::openat(at.directory, at.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  }

  static Status Check(int rc, const char* action, const std::string& path) {
    return rc == 0 ? Status() : Status::FromErrno(errno, action, path);
  }

  std::string prefix_;                   // of the paths that are looked up in held_
  std::unique_ptr<HeldDirectory> held_;  // null: nothing is pinned
  std::mutex listing_mutex_;             // guards the position of held_
};

}  // namespace

FileSystem& PosixFileSystem() {
  static PosixFiles files;
  Descriptors::Instance();
  return files;
}

uint64_t ForkGeneration() { return fork_generation.load(std::memory_order_acquire); }

}  // namespace sqlite_efs
