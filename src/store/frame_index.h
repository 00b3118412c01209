#ifndef SQLITE_EFS_STORE_FRAME_INDEX_H_
#define SQLITE_EFS_STORE_FRAME_INDEX_H_

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/types.h"

namespace sqlite_efs {

// Which frame of one segment holds a page, as of any number of frames. 8 bytes a frame and about 40 a page.
// Thread-safe for readers; Append() excludes them.
class FrameIndex {
 public:
  // Adds the next frame.
  void Append(PageNumber page);

  // The newest frame of `page` among the first `limit` frames; 0 if none.
  FrameNumber Find(PageNumber page, FrameNumber limit) const;

  PageNumber PageOf(FrameNumber frame) const { return {pages_[frame.value - 1]}; }
  size_t distinct_pages() const { return newest_.size(); }
  FrameNumber size() const { return {static_cast<uint32_t>(pages_.size())}; }

 private:
  std::vector<uint32_t> pages_;                    // by frame - 1: its page
  std::vector<uint32_t> older_;                    // by frame - 1: the frame before it of the same page, or 0
  std::unordered_map<uint32_t, uint32_t> newest_;  // by page: its newest frame
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_FRAME_INDEX_H_
