#include "instructions.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sqlite_efs::bench {

Instructions::Instructions() {
  perf_event_attr event = {};
  event.size = sizeof event;
  event.type = PERF_TYPE_HARDWARE;
  event.config = PERF_COUNT_HW_INSTRUCTIONS;
  event.exclude_kernel = 1;
  event.exclude_hv = 1;
  event.inherit = 1;
  fd_ = static_cast<int>(::syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

Instructions::~Instructions() {
  if (fd_ >= 0) ::close(fd_);
}

uint64_t Instructions::Count() const {
  uint64_t count = 0;
  return fd_ >= 0 && ::read(fd_, &count, sizeof count) == sizeof count ? count : 0;
}

}  // namespace sqlite_efs::bench
