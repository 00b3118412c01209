// Preloaded into a program (LD_PRELOAD), makes its system calls on the files of one folder go wrong as a FaultPlan
// says.

#include <dirent.h>
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>

#include "fault_injector.h"

using namespace sqlite_efs::faults;  // NOLINT(google-build-using-namespace): its functions have C's names

#define EFS_EXPORT extern "C" __attribute__((visibility("default")))

// The function that the one around it stands in for.
#define EFS_REAL(name) static const auto real = reinterpret_cast<decltype(&::name)>(dlsym(RTLD_NEXT, #name))

EFS_EXPORT void fail_calls_use_plan(FaultPlan* shared) { SetPlan(shared); }

// --- descriptors

EFS_EXPORT int open(const char* path, int flags, ...) {
  EFS_REAL(open);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return Opening("open", AT_FDCWD, path, flags, [&] { return real(path, flags, mode); });
}

EFS_EXPORT int openat(int directory, const char* path, int flags, ...) {
  EFS_REAL(openat);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return Opening("openat", directory, path, flags, [&] { return real(directory, path, flags, mode); });
}

EFS_EXPORT int close(int fd) {
  EFS_REAL(close);
  const bool is_ours = IsOurs(fd);
  NoteDescriptor(fd, false);
  const int result = real(fd);
  // A file's last writes may fail here, but it is closed.
  if (!is_ours || !Hits("close", 0, -1, nullptr) || !FailsBefore()) return result;
  return -1;
}

// --- content

EFS_EXPORT ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  EFS_REAL(pread);
  return Reading("pread", fd, size, [&](size_t part) { return real(fd, buffer, part, offset); });
}

EFS_EXPORT ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  EFS_REAL(pwrite);
  return Writing("pwrite", fd, size, offset, [&](size_t part) { return real(fd, buffer, part, offset); });
}

EFS_EXPORT int ftruncate(int fd, off_t size) noexcept {
  EFS_REAL(ftruncate);
  return Holding("ftruncate", kChanges | kWaits, fd, [&] { return real(fd, size); });
}

EFS_EXPORT int fsync(int fd) {
  EFS_REAL(fsync);
  return Syncing("fsync", fd, [&] { return real(fd); });
}

EFS_EXPORT int fdatasync(int fd) {
  EFS_REAL(fdatasync);
  return Syncing("fdatasync", fd, [&] { return real(fd); });
}

// --- locks

EFS_EXPORT int fcntl(int fd, int command, ...) {
  EFS_REAL(fcntl);
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  const auto call = [&] { return real(fd, command, argument); };
  const bool copies = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
  const bool own_lock = command == F_OFD_SETLK || command == F_OFD_SETLKW;
  const bool locks = own_lock || command == F_SETLK || command == F_SETLKW || command == F_GETLK;
  const int result = locks ? Holding("fcntl", kWaits, fd, call) : call();
  if (copies) NoteDescriptor(result, IsOurs(fd));
  if (own_lock && result == 0 && IsOurs(fd)) NoteLock(fd, *static_cast<struct flock*>(argument));
  return result;
}

// --- attributes

EFS_EXPORT int statx(int directory, const char* path, int flags, unsigned mask, struct statx* out) noexcept {
  EFS_REAL(statx);
  return Naming("statx", 0, directory, path, [&] { return real(directory, path, flags, mask, out); });
}

EFS_EXPORT int stat(const char* path, struct stat* out) noexcept {
  EFS_REAL(stat);
  return Naming("stat", 0, AT_FDCWD, path, [&] { return real(path, out); });
}

EFS_EXPORT int lstat(const char* path, struct stat* out) noexcept {
  EFS_REAL(lstat);
  return Naming("lstat", 0, AT_FDCWD, path, [&] { return real(path, out); });
}

EFS_EXPORT int fstat(int fd, struct stat* out) noexcept {
  EFS_REAL(fstat);
  return Holding("fstat", 0, fd, [&] { return real(fd, out); });
}

EFS_EXPORT int access(const char* path, int mode) noexcept {
  EFS_REAL(access);
  return Naming("access", 0, AT_FDCWD, path, [&] { return real(path, mode); });
}

EFS_EXPORT int faccessat(int directory, const char* path, int mode, int flags) noexcept {
  EFS_REAL(faccessat);
  return Naming("faccessat", 0, directory, path, [&] { return real(directory, path, mode, flags); });
}

EFS_EXPORT int fchmod(int fd, mode_t mode) noexcept {
  EFS_REAL(fchmod);
  return Holding("fchmod", kChanges | kWaits, fd, [&] { return real(fd, mode); });
}

EFS_EXPORT int futimens(int fd, const struct timespec times[2]) noexcept {
  EFS_REAL(futimens);
  if (!IsOurs(fd) || times != nullptr) return real(fd, times);
  const struct timespec now = ServerTime();
  const struct timespec both[2] = {now, now};
  return Holding("futimens", kChanges | kWaits, fd, [&] { return real(fd, both); });
}

// --- names

EFS_EXPORT int link(const char* from, const char* to) noexcept {
  EFS_REAL(link);
  return Naming("link", kChanges, AT_FDCWD, to, [&] { return real(from, to); });
}

EFS_EXPORT int linkat(int from_directory, const char* from, int to_directory, const char* to, int flags) noexcept {
  EFS_REAL(linkat);
  return Naming("linkat", kChanges, to_directory, to,
                [&] { return real(from_directory, from, to_directory, to, flags); });
}

EFS_EXPORT int rename(const char* from, const char* to) noexcept {
  EFS_REAL(rename);
  return Naming("rename", kChanges, AT_FDCWD, to, [&] { return real(from, to); });
}

EFS_EXPORT int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  EFS_REAL(renameat);
  return Naming("renameat", kChanges, to_directory, to, [&] { return real(from_directory, from, to_directory, to); });
}

EFS_EXPORT int unlink(const char* path) noexcept {
  EFS_REAL(unlink);
  return Naming("unlink", kChanges, AT_FDCWD, path, [&] { return real(path); });
}

EFS_EXPORT int unlinkat(int directory, const char* path, int flags) noexcept {
  EFS_REAL(unlinkat);
  return Naming("unlinkat", kChanges, directory, path, [&] { return real(directory, path, flags); });
}

EFS_EXPORT int mkdir(const char* path, mode_t mode) noexcept {
  EFS_REAL(mkdir);
  return Naming("mkdir", kChanges, AT_FDCWD, path, [&] { return real(path, mode); });
}

EFS_EXPORT int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  EFS_REAL(mkdirat);
  return Naming("mkdirat", kChanges, directory, path, [&] { return real(directory, path, mode); });
}

EFS_EXPORT int rmdir(const char* path) noexcept {
  EFS_REAL(rmdir);
  return Naming("rmdir", kChanges, AT_FDCWD, path, [&] { return real(path); });
}

// --- listings

EFS_EXPORT DIR* opendir(const char* path) {
  EFS_REAL(opendir);
  const bool is_ours = IsOurs(AT_FDCWD, path);
  const auto open = [&] { return real(path); };
  DIR* const none = nullptr;
  DIR* const directory = is_ours ? Whole("opendir", 0, -1, path, none, open) : open();
  if (directory != nullptr) NoteDescriptor(dirfd(directory), is_ours);
  return directory;
}

EFS_EXPORT DIR* fdopendir(int fd) {
  EFS_REAL(fdopendir);
  DIR* const none = nullptr;
  return IsOurs(fd) ? Whole("fdopendir", 0, fd, nullptr, none, [&] { return real(fd); }) : real(fd);
}

EFS_EXPORT struct dirent* readdir(DIR* directory) {
  EFS_REAL(readdir);
  struct dirent* const none = nullptr;
  const int fd = dirfd(directory);
  const bool asks = IsOurs(fd) && telldir(directory) == 0;  // one system call brings many names
  return asks ? Whole("readdir", 0, fd, nullptr, none, [&] { return real(directory); }) : real(directory);
}

EFS_EXPORT int closedir(DIR* directory) {
  EFS_REAL(closedir);
  NoteDescriptor(dirfd(directory), false);
  return real(directory);
}

// --- the same functions by other names, which are in use where a file's size may have 64 bits

#define EFS_ALIAS(name) __attribute__((visibility("default"), alias(#name)))
extern "C" {
EFS_ALIAS(open) int open64(const char* path, int flags, ...);
EFS_ALIAS(openat) int openat64(int directory, const char* path, int flags, ...);
EFS_ALIAS(pread) ssize_t pread64(int fd, void* buffer, size_t size, off_t offset);
EFS_ALIAS(pwrite) ssize_t pwrite64(int fd, const void* buffer, size_t size, off_t offset);
EFS_ALIAS(ftruncate) int ftruncate64(int fd, off_t size) noexcept;
EFS_ALIAS(fcntl) int fcntl64(int fd, int command, ...);
EFS_ALIAS(readdir) struct dirent64* readdir64(DIR* directory);
EFS_ALIAS(stat) int stat64(const char* path, struct stat64* out) noexcept;
EFS_ALIAS(lstat) int lstat64(const char* path, struct stat64* out) noexcept;
EFS_ALIAS(fstat) int fstat64(int fd, struct stat64* out) noexcept;
}
