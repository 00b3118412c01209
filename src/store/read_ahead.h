#ifndef SQLITE_EFS_STORE_READ_AHEAD_H_
#define SQLITE_EFS_STORE_READ_AHEAD_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/types.h"

namespace sqlite_efs {

// Pages that lie side by side in a file.
struct PageRun {
  PageNumber first;
  uint32_t count = 1;
};

// The runs in which to read those pages besides a run that is read anyway: pages that lie near each other share one.
std::vector<PageRun> RunsOf(std::vector<PageNumber> pages, const PageRun& besides);

// Decides which pages are read together with one that is wanted. On NFS many take about as long as one; but they take
// the place of others in a cache that is full. Thread-safe.
class ReadAhead {
 public:
  // What one round trip may bring.
  static constexpr size_t kLargestRun_bytes = size_t{128} << 10;

  explicit ReadAhead(uint32_t page_size);

  // The run with `page` in it. `room`: how many pages may be read that displace none.
  PageRun Around(PageNumber page, size_t room);

 private:
  const uint32_t longest_;  // pages, a power of two
  std::mutex mutex_;
  uint32_t length_;  // of the next run if there is no room: longer while runs follow each other, shorter else
  PageRun last_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_READ_AHEAD_H_
