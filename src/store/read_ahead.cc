#include "store/read_ahead.h"

#include <algorithm>

namespace sqlite_efs {
namespace {

constexpr uint32_t kNearPages = 8;  // that are read with others rather than in a round trip of their own

}  // namespace

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

std::vector<PageRun> RunsOf(std::vector<PageNumber> pages, const PageRun& besides) {
  std::ranges::sort(pages);
  std::vector<PageRun> runs;
  for (const PageNumber page : pages) {
    if (page >= besides.first && page.value - besides.first.value < besides.count) continue;
    if (!runs.empty() && page.value - runs.back().first.value - runs.back().count < kNearPages) {
      runs.back().count = page.value - runs.back().first.value + 1;
    } else {
      runs.push_back({page});
    }
  }
  return runs;
}

}  // namespace sqlite_efs
