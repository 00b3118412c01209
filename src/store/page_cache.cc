#include "store/page_cache.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace sqlite_efs {

PageCache::PageCache(size_t capacity_bytes, uint32_t page_size, Metrics& metrics)
    : max_pages_(std::max<size_t>(1, capacity_bytes / page_size)), page_size_(page_size), metrics_(metrics) {}

PageCache::~PageCache() {
  for (const Entry& entry : recent_) Leaves(entry);
}

bool PageCache::GetFrame(SegmentNumber segment, FrameNumber frame, size_t offset, MutableBytes out) {
  return Get({segment.value, frame.value}, segment, offset, out);
}

void PageCache::PutFrame(SegmentNumber segment, FrameNumber frame, Bytes page) {
  const std::lock_guard lock(mutex_);
  PutLocked({segment.value, frame.value}, {0}, page, PageUse::kWanted);
}

bool PageCache::GetBase(PageNumber page, SegmentNumber at, size_t offset, MutableBytes out) {
  return Get({0, page.value}, at, offset, out);
}

bool PageCache::HasBase(PageNumber page, SegmentNumber at) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find({0, page.value});
  return found != entries_.end() && at >= found->second->since;
}

void PageCache::PutBase(PageNumber page, SegmentNumber at, uint64_t epoch, Bytes content, PageUse use) {
  const std::lock_guard lock(mutex_);
  if (epoch == base_epoch_) PutLocked({0, page.value}, at, content, use);
}

uint64_t PageCache::base_epoch() const {
  const std::lock_guard lock(mutex_);
  return base_epoch_;
}

void PageCache::DropBase(const std::vector<PageNumber>& pages) {
  const std::lock_guard lock(mutex_);
  base_epoch_++;
  for (const PageNumber page : pages) {
    const auto found = entries_.find({0, page.value});
    if (found == entries_.end()) continue;
    Leaves(*found->second);
    recent_.erase(found->second);
    entries_.erase(found);
  }
}

bool PageCache::Get(const Key& key, SegmentNumber at, size_t offset, MutableBytes out) {
  assert(offset + out.size() <= page_size_);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || at < found->second->since) {
    metrics_.Add(Count::kCacheMisses);
    return false;
  }
  metrics_.Add(Count::kCacheHits);
  if (std::exchange(found->second->awaits_use, false)) metrics_.Add(Count::kReadAheadUsed);
  recent_.splice(recent_.begin(), recent_, found->second);
  std::memcpy(out.data(), found->second->page.get() + offset, out.size());
  return true;
}

void PageCache::Leaves(const Entry& entry) {
  if (entry.awaits_use) metrics_.Add(Count::kReadAheadWasted);
}

void PageCache::PutLocked(const Key& key, SegmentNumber since, Bytes page, PageUse use) {
  assert(page.size() == page_size_);
  const auto present = entries_.find(key);
  if (present != entries_.end()) {
    if (since < present->second->since) {
      // What a later snapshot has put here, unread, may have been in the middle of a merge.
      present->second->since = since;
      std::memcpy(present->second->page.get(), page.data(), page.size());
    }
    return;
  }
  if (entries_.size() >= max_pages_) {  // the entry that makes room gives its memory
    recent_.splice(recent_.begin(), recent_, std::prev(recent_.end()));
    Leaves(recent_.front());
    auto node = entries_.extract(recent_.front().key);
    node.key() = key;
    entries_.insert(std::move(node));
  } else {
    recent_.push_front({key, {}, std::make_unique_for_overwrite<std::byte[]>(page_size_)});
    entries_[key] = recent_.begin();
  }
  recent_.front().key = key;
  recent_.front().since = since;
  recent_.front().awaits_use = use == PageUse::kAhead;
  if (use == PageUse::kAhead) metrics_.Add(Count::kReadAheadPages);
  std::memcpy(recent_.front().page.get(), page.data(), page.size());
}

size_t PageCache::room_pages() const {
  const std::lock_guard lock(mutex_);
  return max_pages_ - entries_.size();
}

size_t PageCache::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return entries_.size() * page_size_;
}

}  // namespace sqlite_efs
