#include "fault_injector.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

namespace sqlite_efs::faults {
namespace {

constexpr int kMaxDescriptors = 1024;

FaultPlan* plan = nullptr;
std::array<std::atomic<bool>, kMaxDescriptors> ours;
thread_local bool inside = false;  // in a call of this library's own, which does not count

class Inside {
 public:
  Inside() { inside = true; }
  ~Inside() { inside = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

bool Counts() { return plan != nullptr && !inside && plan->armed.load(std::memory_order_relaxed); }

std::string OfDescriptor(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// What was written since the last sync of a file, and the locks that are held. Never destroyed: files may outlive
// static destruction.
struct Undo {
  ino_t inode;
  off_t offset;
  std::vector<char> before;
};
struct Lock {
  int fd;
  struct flock range;
};
struct State {
  std::mutex mutex;
  std::vector<Undo> undos;
  std::vector<Lock> locks;
};
State& TheState() {
  static auto* const state = new State;
  return *state;
}

ino_t InodeOf(int fd) {
  struct stat s = {};
  return ::fstat(fd, &s) == 0 ? s.st_ino : 0;
}

void LoseLocks() {
  const Inside guard;
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  for (Lock& held : state.locks) {
    held.range.l_type = F_UNLCK;
    (void)::fcntl(held.fd, F_OFD_SETLK, &held.range);
  }
  state.locks.clear();
}

bool Applies(FaultKind kind, uint32_t call) {
  switch (kind) {
    case FaultKind::kNone:
      return false;
    case FaultKind::kNoSpace:
    case FaultKind::kReplyLost:
      return (call & (kChanges | kWrites | kSyncs)) != 0;
    case FaultKind::kInterrupted:
      return (call & kWaits) != 0;
    case FaultKind::kShort:
      return (call & (kReads | kWrites)) != 0;
    case FaultKind::kTorn:
    case FaultKind::kStoppedInIt:
    case FaultKind::kLying:
      return (call & kWrites) != 0;
    case FaultKind::kDropped:
      return (call & kSyncs) != 0;
    case FaultKind::kKilledInIt:
      return (call & (kChanges | kWrites)) != 0;
    default:
      return true;
  }
}

void Describe(const char* call, int fd, const char* path) {
  std::array<char, kMaxPath_bytes> file = {};
  const bool absolute = path != nullptr && path[0] == '/';
  if (fd >= 0 && !absolute) {
    const Inside guard;
    (void)!::readlink(OfDescriptor(fd).c_str(), file.data(), file.size() - 1);
  }
  std::string what = std::string(call) + " " + file.data();
  if (path != nullptr) what += (absolute ? "" : "/") + std::string(path);
  std::snprintf(plan->what, sizeof plan->what, "%s", what.c_str());
}

int ErrnoOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kNoSpace:
      return ENOSPC;
    case FaultKind::kStale:
      return ESTALE;
    case FaultKind::kInterrupted:
      return EINTR;
    default:
      return EIO;
  }
}

}  // namespace

void SetPlan(FaultPlan* shared) { plan = shared; }

struct timespec ServerTime() {
  constexpr int64_t kSecond_ns = 1'000'000'000;
  struct timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const int64_t ahead = now.tv_nsec + plan->skipped_ns.load();
  return {now.tv_sec + ahead / kSecond_ns, ahead % kSecond_ns};
}

FaultKind KindOfFault() { return plan->kind; }

bool IsOurs(int fd) { return fd >= 0 && fd < kMaxDescriptors && ours[fd].load(std::memory_order_relaxed); }

bool IsOurs(int directory, const char* path) {
  if (plan == nullptr || path == nullptr) return false;
  if (path[0] != '/') return IsOurs(directory);
  return std::strncmp(path, plan->folder, std::strlen(plan->folder)) == 0;
}

void NoteDescriptor(int fd, bool is_ours) {
  if (fd >= 0 && fd < kMaxDescriptors) ours[fd].store(is_ours, std::memory_order_relaxed);
}

bool Hits(const char* name, uint32_t call, int fd, const char* path) {
  if (!Counts()) return false;
  const uint32_t number = ++plan->calls;
  if (number < plan->at || !Applies(plan->kind, call)) return false;
  uint32_t none = 0;
  const bool first = plan->hit.compare_exchange_strong(none, number);
  if (first) Describe(name, fd, path);
  return first || plan->persistent;
}

bool FailsBefore() {
  switch (plan->kind) {
    case FaultKind::kKilled:
      (void)::raise(SIGKILL);
      return false;
    case FaultKind::kFrozen:
      LoseLocks();
      [[fallthrough]];
    case FaultKind::kStopped:
      (void)::raise(SIGSTOP);
      return false;
    case FaultKind::kReplyLost:
    case FaultKind::kKilledInIt:
      return false;
    default:
      errno = ErrnoOf(plan->kind);
      return true;
  }
}

void KeepForUndo(int fd, size_t size, off_t offset) {
  if (!Counts() || plan->kind != FaultKind::kDropped) return;
  const Inside guard;
  std::vector<char> before(size);
  const int readable = ::open(OfDescriptor(fd).c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t had = ::pread(readable, before.data(), size, offset);
  ::close(readable);
  before.resize(had > 0 ? static_cast<size_t>(had) : 0);
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  state.undos.push_back({InodeOf(fd), offset, std::move(before)});
}

void EndOfSync(int fd, bool failed) {
  if (!Counts() || plan->kind != FaultKind::kDropped) return;
  const Inside guard;
  const ino_t inode = InodeOf(fd);
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  const int writable = failed ? ::open(OfDescriptor(fd).c_str(), O_WRONLY | O_CLOEXEC) : -1;
  for (auto undo = state.undos.rbegin(); failed && undo != state.undos.rend(); ++undo) {
    if (undo->inode != inode) continue;
    const ssize_t size = ::pwrite(writable, undo->before.data(), undo->before.size(), undo->offset);
    if (size != static_cast<ssize_t>(undo->before.size())) std::abort();
  }
  if (writable >= 0) ::close(writable);
  std::erase_if(state.undos, [&](const Undo& undo) { return undo.inode == inode; });
}

void NoteLock(int fd, const struct flock& range) {
  if (inside) return;
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  std::erase_if(state.locks, [&](const Lock& held) {
    return held.fd == fd && held.range.l_start == range.l_start && held.range.l_len == range.l_len;
  });
  if (range.l_type != F_UNLCK) state.locks.push_back({fd, range});
}

}  // namespace sqlite_efs::faults
