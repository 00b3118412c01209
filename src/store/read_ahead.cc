#include "store/read_ahead.h"

#include <algorithm>

namespace sqlite_efs {

ReadAhead::ReadAhead(uint32_t page_size)
    : longest_(std::max<uint32_t>(1, static_cast<uint32_t>(kLargestRun_bytes / page_size))), length_(longest_) {}

PageRun ReadAhead::Around(PageNumber page, size_t room) {
  const std::lock_guard lock(mutex_);
  const uint32_t next = last_.first.value + last_.count;
  const bool goes_on = page.value >= next && page.value < next + last_.count;
  length_ = goes_on ? std::min(length_ * 2, longest_) : std::max<uint32_t>(length_ / 2, 1);
  if (room >= longest_) length_ = longest_;
  // Runs of one length never overlap, in whatever order their pages are wanted.
  last_ = {{page.value - (page.value - 1) % length_}, length_};
  return last_;
}

}  // namespace sqlite_efs
