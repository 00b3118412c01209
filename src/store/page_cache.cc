#include "store/page_cache.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace sqlite_efs {

PageCache::PageCache(size_t capacity_bytes, uint32_t page_size)
    : max_pages_(std::max<size_t>(1, capacity_bytes / page_size)), page_size_(page_size) {}

bool PageCache::Get(const Key& key, size_t offset, MutableBytes out) {
  assert(offset + out.size() <= page_size_);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    misses_++;
    return false;
  }
  hits_++;
  recent_.splice(recent_.begin(), recent_, found->second);
  std::memcpy(out.data(), found->second->page.get() + offset, out.size());
  return true;
}

void PageCache::Put(const Key& key, Bytes page) {
  assert(page.size() == page_size_);
  const std::lock_guard lock(mutex_);
  if (entries_.contains(key)) return;
  if (entries_.size() >= max_pages_) {  // the entry that makes room gives its memory
    recent_.splice(recent_.begin(), recent_, std::prev(recent_.end()));
    entries_.erase(recent_.front().key);
  } else {
    recent_.push_front({key, std::make_unique_for_overwrite<std::byte[]>(page_size_)});
  }
  recent_.front().key = key;
  std::memcpy(recent_.front().page.get(), page.data(), page.size());
  entries_[key] = recent_.begin();
}

size_t PageCache::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return entries_.size() * page_size_;
}

uint64_t PageCache::hits() const {
  const std::lock_guard lock(mutex_);
  return hits_;
}

uint64_t PageCache::misses() const {
  const std::lock_guard lock(mutex_);
  return misses_;
}

}  // namespace sqlite_efs
