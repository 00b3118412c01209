// Preloaded into a process (LD_PRELOAD): counts its steps, the calls that change what lies on disk, and can kill or
// stop it just before a chosen one. So a test kills where it means to, however fast or slow the machine is.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace {

std::atomic<long> steps{0};
std::atomic<long> chosen{-1};
int signal_number = SIGKILL;

void Step() {
  if (++steps == chosen) kill(getpid(), signal_number);
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

__attribute__((constructor)) void ReadEnvironment() {
  const char* const step = getenv("EFS_TEST_SIGNAL_AT_STEP");
  if (step != nullptr) chosen = atol(step);
  const char* const number = getenv("EFS_TEST_SIGNAL");
  if (number != nullptr) signal_number = atoi(number);
}

__attribute__((destructor)) void TellSteps() {
  const char* const path = getenv("EFS_TEST_STEPS_FILE");
  FILE* const file = path == nullptr ? nullptr : fopen(path, "w");
  if (file == nullptr) return;
  fprintf(file, "%ld\n", steps.load());
  fclose(file);
}

}  // namespace

#define EFS_STEP(result, name, parameters, arguments)         \
  extern "C" result name parameters {                         \
    static auto* const real = Real<result parameters>(#name); \
    Step();                                                   \
    return real arguments;                                    \
  }

// Opening a file is a step if it may make one.
#define EFS_OPEN(name, parameters, arguments)                              \
  extern "C" int name parameters {                                         \
    static auto* const real = Real<int parameters>(#name);                 \
    va_list rest;                                                          \
    va_start(rest, flags);                                                 \
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                          \
    if ((flags & O_CREAT) != 0) Step();                                    \
    return real arguments;                                                 \
  }

extern "C" long efs_steps_done() { return steps; }
// Kills this process just before its `number`-th step from now.
extern "C" void efs_die_at_step(long number) { chosen = steps + number; }

EFS_STEP(ssize_t, pwrite, (int fd, const void* data, size_t size, off_t offset), (fd, data, size, offset))
EFS_STEP(ssize_t, pwrite64, (int fd, const void* data, size_t size, off64_t offset), (fd, data, size, offset))
EFS_STEP(int, ftruncate, (int fd, off_t size), (fd, size))
EFS_STEP(int, ftruncate64, (int fd, off64_t size), (fd, size))
EFS_STEP(int, fsync, (int fd), (fd))
EFS_STEP(int, fdatasync, (int fd), (fd))
EFS_STEP(int, fchmod, (int fd, mode_t mode), (fd, mode))
EFS_STEP(int, futimens, (int fd, const timespec* times), (fd, times))
EFS_STEP(int, link, (const char* from, const char* to), (from, to))
EFS_STEP(int, linkat, (int from_fd, const char* from, int to_fd, const char* to, int flags),
         (from_fd, from, to_fd, to, flags))
EFS_STEP(int, rename, (const char* from, const char* to), (from, to))
EFS_STEP(int, renameat, (int from_fd, const char* from, int to_fd, const char* to), (from_fd, from, to_fd, to))
EFS_STEP(int, renameat2, (int from_fd, const char* from, int to_fd, const char* to, unsigned flags),
         (from_fd, from, to_fd, to, flags))
EFS_STEP(int, unlink, (const char* path), (path))
EFS_STEP(int, unlinkat, (int fd, const char* path, int flags), (fd, path, flags))
EFS_STEP(int, mkdir, (const char* path, mode_t mode), (path, mode))
EFS_STEP(int, mkdirat, (int fd, const char* path, mode_t mode), (fd, path, mode))
EFS_STEP(int, rmdir, (const char* path), (path))
EFS_OPEN(open, (const char* path, int flags, ...), (path, flags, mode))
EFS_OPEN(open64, (const char* path, int flags, ...), (path, flags, mode))
EFS_OPEN(openat, (int fd, const char* path, int flags, ...), (fd, path, flags, mode))
EFS_OPEN(openat64, (int fd, const char* path, int flags, ...), (fd, path, flags, mode))
