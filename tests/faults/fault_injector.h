#ifndef SQLITE_EFS_TESTS_FAULTS_FAULT_INJECTOR_H_
#define SQLITE_EFS_TESTS_FAULTS_FAULT_INJECTOR_H_

#include <fcntl.h>
#include <sys/types.h>
#include <time.h>

#include <cerrno>
#include <csignal>

#include "fault_plan.h"

namespace sqlite_efs::faults {

// What a call does, and so what can happen to it.
inline constexpr uint32_t kReads = 1;    // may be short
inline constexpr uint32_t kWrites = 2;   // may be short or torn
inline constexpr uint32_t kSyncs = 4;    // may lose what was written
inline constexpr uint32_t kChanges = 8;  // may find no space, or be done without the reply being heard
inline constexpr uint32_t kWaits = 16;   // may be interrupted

void SetPlan(FaultPlan* shared);

// Whether a descriptor, or a path relative to one, is of a file in the plan's folder.
bool IsOurs(int fd);
bool IsOurs(int directory, const char* path);
void NoteDescriptor(int fd, bool is_ours);

// Counts a call on such a file; whether it is one that goes wrong. `path` may be null.
bool Hits(const char* name, uint32_t call, int fd, const char* path);

// The file server's time.
struct timespec ServerTime();

// The kind of the plan's fault, for a call that goes wrong.
FaultKind KindOfFault();

// What happens to that call before it is done: true if it is not to be done at all and to fail with the errno set here.
bool FailsBefore();

// For kDropped: `size` bytes of a file are about to be written; a sync of it has ended.
void KeepForUndo(int fd, size_t size, off_t offset);
void EndOfSync(int fd, bool failed);

// For kFrozen: an open-file-description lock was taken or given back.
void NoteLock(int fd, const struct flock& range);

// A call that takes effect wholly or not at all, on a file in the folder. `failed` is what it returns when it fails.
template <typename Result, typename Action>
Result Whole(const char* name, uint32_t call, int fd, const char* path, Result failed, Action action) {
  if (!Hits(name, call, fd, path)) return action();
  if (FailsBefore()) return failed;
  const Result result = action();
  if (KindOfFault() == FaultKind::kKilledInIt) (void)::raise(SIGKILL);
  if (KindOfFault() != FaultKind::kReplyLost) return result;
  errno = EIO;
  return failed;
}

template <typename Action>
ssize_t Reading(const char* name, int fd, size_t size, Action read) {
  if (!IsOurs(fd) || !Hits(name, kReads | kWaits, fd, nullptr)) return read(size);
  if (KindOfFault() == FaultKind::kShort) return read((size + 1) / 2);
  return FailsBefore() ? -1 : read(size);
}

template <typename Action>
ssize_t Writing(const char* name, int fd, size_t size, off_t offset, Action write) {
  if (!IsOurs(fd)) return write(size);
  const bool hit = Hits(name, kWrites | kWaits, fd, nullptr);
  KeepForUndo(fd, size, offset);
  if (!hit) return write(size);
  const FaultKind kind = KindOfFault();
  if (kind == FaultKind::kLying) return static_cast<ssize_t>(size);
  const bool halved = kind == FaultKind::kShort || kind == FaultKind::kTorn || kind == FaultKind::kKilledInIt ||
                      kind == FaultKind::kStoppedInIt;
  if (!halved && FailsBefore()) return -1;
  const ssize_t done = write(halved ? (size + 1) / 2 : size);
  if (kind == FaultKind::kKilledInIt) (void)::raise(SIGKILL);
  if (kind == FaultKind::kStoppedInIt) (void)::raise(SIGSTOP);
  if (kind != FaultKind::kTorn && kind != FaultKind::kReplyLost) return done;
  errno = EIO;
  return -1;
}

template <typename Action>
int Syncing(const char* name, int fd, Action sync) {
  if (!IsOurs(fd)) return sync();
  const int result = Whole(name, kSyncs | kWaits, fd, nullptr, -1, sync);
  const int error = errno;
  EndOfSync(fd, result != 0);
  errno = error;
  return result;
}

template <typename Action>
int Opening(const char* name, int directory, const char* path, int flags, Action open) {
  const bool is_ours = IsOurs(directory, path);
  const uint32_t call = kWaits | ((flags & O_CREAT) != 0 ? kChanges : 0);
  const int fd = is_ours ? Whole(name, call, directory, path, -1, open) : open();
  NoteDescriptor(fd, is_ours);
  return fd;
}

// A call on a name, or on a descriptor.
template <typename Action>
int Naming(const char* name, uint32_t call, int directory, const char* path, Action action) {
  return IsOurs(directory, path) ? Whole(name, call, directory, path, -1, action) : action();
}
template <typename Action>
int Holding(const char* name, uint32_t call, int fd, Action action) {
  return IsOurs(fd) ? Whole(name, call, fd, nullptr, -1, action) : action();
}

}  // namespace sqlite_efs::faults

#endif  // SQLITE_EFS_TESTS_FAULTS_FAULT_INJECTOR_H_
