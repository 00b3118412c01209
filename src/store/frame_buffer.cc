#include "store/frame_buffer.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace sqlite_efs {

MutableBytes FrameBuffer::Place(PageNumber page) {
  const auto [found, added] = places_.try_emplace(page.value, pages_.size());
  if (added) {
    pages_.push_back(page);
    if (bytes_.size() < size_bytes()) bytes_.resize(std::max(size_bytes(), 2 * bytes_.size()));
  }
  return MutableBytes(bytes_).subspan(found->second * frame_size() + kFrameHeaderSize, page_size_);
}

Bytes FrameBuffer::PageAt(size_t index) const {
  return Bytes(bytes_).subspan(index * frame_size() + kFrameHeaderSize, page_size_);
}

Bytes FrameBuffer::Find(PageNumber page) const {
  const auto found = places_.find(page.value);
  return found == places_.end() ? Bytes() : PageAt(found->second);
}

void FrameBuffer::Move(size_t from, size_t to) {
  if (from == to) return;
  std::memcpy(&bytes_[to * frame_size()], &bytes_[from * frame_size()], frame_size());
  std::swap(pages_[to], pages_[from]);
}

void FrameBuffer::Shrink(size_t count) {
  if (count == pages_.size()) return;
  pages_.resize(count);
  places_.clear();
  for (size_t i = 0; i < count; i++) places_[pages_[i].value] = i;
}

void FrameBuffer::Encode(const WalHeader& segment, uint32_t commit_page_count, WalChecksum* chain) {
  assert(segment.page_size == page_size_);
  for (size_t i = 0; i < pages_.size(); i++) {
    const bool last = i + 1 == pages_.size();
    const MutableBytes frame = MutableBytes(bytes_).subspan(i * frame_size(), frame_size());
    *chain = EncodeFrame(segment, {pages_[i], last ? commit_page_count : 0}, *chain, frame);
  }
}

FrameHeaderBytes FrameBuffer::HideFirst() {
  FrameHeaderBytes header;
  std::copy_n(bytes_.begin(), header.size(), header.begin());
  std::fill_n(bytes_.begin() + kFrameSaltsOffset, kFrameSaltsSize, std::byte{0});
  return header;
}

void FrameBuffer::Clear() {
  pages_.clear();
  places_.clear();
}

void FrameBuffer::Shed(size_t bytes) {
  Clear();
  if (bytes_.size() > bytes) std::vector<std::byte>().swap(bytes_);
}

}  // namespace sqlite_efs
