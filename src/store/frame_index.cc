#include "store/frame_index.h"

namespace sqlite_efs {

void FrameIndex::Append(PageNumber page) {
  pages_.push_back(page.value);
  uint32_t& newest = newest_[page.value];
  older_.push_back(newest);
  newest = static_cast<uint32_t>(pages_.size());
}

FrameNumber FrameIndex::Find(PageNumber page, FrameNumber limit) const {
  const auto found = newest_.find(page.value);
  uint32_t frame = found == newest_.end() ? 0 : found->second;
  while (frame > limit.value) frame = older_[frame - 1];
  return {frame};
}

}  // namespace sqlite_efs
