#include "os/read_together.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <mutex>

#include "os/per_process.h"

namespace sqlite_efs {
namespace {

constexpr size_t kMostAtOnce = 32;

// A kernel's queue for reads, of one process: a child of fork() has none of its parent's. Made once, since to give one
// back takes milliseconds.
class ReadQueue {
 public:
  ReadQueue() {
    if (::syscall(SYS_io_setup, kMostAtOnce, &context_) != 0) context_ = 0;
  }

  // At most kMostAtOnce.
  void Read(int fd, std::span<ReadRequest> requests) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || context_ == 0) return;
    std::array<iocb, kMostAtOnce> blocks = {};
    std::array<iocb*, kMostAtOnce> pointers;
    for (size_t i = 0; i < requests.size(); i++) {
      blocks[i].aio_data = i;
      blocks[i].aio_lio_opcode = IOCB_CMD_PREAD;
      blocks[i].aio_fildes = static_cast<uint32_t>(fd);
      blocks[i].aio_buf = reinterpret_cast<uintptr_t>(requests[i].out.data());
      blocks[i].aio_nbytes = requests[i].out.size();
      blocks[i].aio_offset = static_cast<int64_t>(requests[i].offset);
      pointers[i] = &blocks[i];
    }
    const int64_t begun = ::syscall(SYS_io_submit, context_, requests.size(), pointers.data());
    if (begun > 0) Await(static_cast<size_t>(begun), requests);
  }

 private:
  // Until all have ended: the kernel writes into what they point to.
  void Await(size_t begun, std::span<ReadRequest> requests) const {
    std::array<io_event, kMostAtOnce> events;
    while (begun > 0) {
      const int64_t ended = ::syscall(SYS_io_getevents, context_, 1, begun, events.data(), nullptr);
      assert(ended >= 0 || errno == EINTR);
      for (int64_t i = 0; i < ended; i++) {
        const io_event& event = events[static_cast<size_t>(i)];
        if (event.res > 0) requests[event.data].done = static_cast<size_t>(event.res);
      }
      if (ended > 0) begun -= static_cast<size_t>(ended);
    }
  }

  aio_context_t context_ = 0;
  std::mutex mutex_;
};

PerProcess<ReadQueue> queue_of_process;

}  // namespace

void ReadTogether(int fd, std::span<ReadRequest> requests) {
  ReadQueue& queue = queue_of_process.Get([] { return std::make_unique<ReadQueue>(); });
  while (!requests.empty()) {
    const std::span<ReadRequest> some = requests.first(std::min(requests.size(), kMostAtOnce));
    queue.Read(fd, some);
    requests = requests.subspan(some.size());
  }
}

}  // namespace sqlite_efs
