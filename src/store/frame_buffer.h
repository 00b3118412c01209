#ifndef SQLITE_EFS_STORE_FRAME_BUFFER_H_
#define SQLITE_EFS_STORE_FRAME_BUFFER_H_

#include <array>
#include <unordered_map>
#include <vector>

#include "base/types.h"
#include "store/wal_format.h"

namespace sqlite_efs {

using FrameHeaderBytes = std::array<std::byte, kFrameHeaderSize>;

// Frames of one transaction that are not written to the log yet: the pages at their places in one run of bytes, ready
// to be sealed with checksums and written by one call. Not thread-safe.
class FrameBuffer {
 public:
  explicit FrameBuffer(uint32_t page_size) : page_size_(page_size) {}

  size_t count() const { return pages_.size(); }
  size_t size_bytes() const { return pages_.size() * frame_size(); }

  // The place of a page's content, made if there is none. Valid until the next call.
  MutableBytes Place(PageNumber page);

  // A page's content; empty if it is not here.
  Bytes Find(PageNumber page) const;

  // Drops the pages for which `dropped` says true.
  template <typename Predicate>
  void DropIf(Predicate dropped) {
    size_t kept = 0;
    for (size_t i = 0; i < pages_.size(); i++) {
      if (!dropped(pages_[i])) Move(i, kept++);
    }
    Shrink(kept);
  }

  // Fills in all frame headers, chained to `chain`, which is advanced. With a page count, the last frame ends a commit.
  void Encode(const WalHeader& segment, uint32_t commit_page_count, WalChecksum* chain);

  // Takes the salts out of the first frame's header, so that readers need not look at what follows; returns the header.
  FrameHeaderBytes HideFirst();

  // The frames, as Encode() left them.
  Bytes bytes() const { return Bytes(bytes_).first(size_bytes()); }

  // The pages in the order of their frames.
  const std::vector<PageNumber>& pages() const { return pages_; }
  Bytes PageAt(size_t index) const;

  // Keeps the memory for the next pages.
  void Clear();
  // The same, unless that is more than `bytes`.
  void Shed(size_t bytes);

 private:
  void Move(size_t from, size_t to);
  void Shrink(size_t count);
  size_t frame_size() const { return kFrameHeaderSize + page_size_; }

  const uint32_t page_size_;
  std::vector<std::byte> bytes_;  // of the frames, and room for more
  std::vector<PageNumber> pages_;
  std::unordered_map<uint32_t, size_t> places_;  // page to index in pages_
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_FRAME_BUFFER_H_
