#ifndef SQLITE_EFS_BENCH_ENGINE_INSTRUCTIONS_H_
#define SQLITE_EFS_BENCH_ENGINE_INSTRUCTIONS_H_

#include <cstdint>

namespace sqlite_efs::bench {

// Instructions in user mode of this process, threads that it begins later included, where the processor counts them and
// the system lets it: virtual machines often do not. https://man7.org/linux/man-pages/man2/perf_event_open.2.html
class Instructions {
 public:
  Instructions();
  ~Instructions();
  Instructions(const Instructions&) = delete;
  Instructions& operator=(const Instructions&) = delete;

  // 0: not counted.
  uint64_t Count() const;

 private:
  int fd_;
};

}  // namespace sqlite_efs::bench

#endif  // SQLITE_EFS_BENCH_ENGINE_INSTRUCTIONS_H_
