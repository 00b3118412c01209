#ifndef SQLITE_EFS_STORE_PAGE_CACHE_H_
#define SQLITE_EFS_STORE_PAGE_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/types.h"

namespace sqlite_efs {

// Pages of one database, shared by all connections of the process, bounded, the least recently used dropped first.
// A frame of a segment never changes, so its page is valid for ever. Thread-safe.
class PageCache {
 public:
  // Where a page's content comes from: a frame of a segment, or, with segment 0, a page of the base.
  struct Key {
    uint64_t segment = 0;
    uint32_t number = 0;
    bool operator==(const Key&) const = default;
  };

  PageCache(size_t capacity_bytes, uint32_t page_size);

  // Copies out.size() bytes from `offset` of the page, if it is here.
  bool Get(const Key& key, size_t offset, MutableBytes out);
  void Put(const Key& key, Bytes page);

  size_t capacity_bytes() const { return max_pages_ * page_size_; }
  size_t size_bytes() const;
  uint64_t hits() const;
  uint64_t misses() const;

 private:
  struct Hash {
    size_t operator()(const Key& key) const {
      return std::hash<uint64_t>()((key.segment << 32) ^ (key.number * 0x9e3779b97f4a7c15ULL));
    }
  };
  struct Entry {
    Key key;
    std::unique_ptr<std::byte[]> page;
  };

  const size_t max_pages_;
  const uint32_t page_size_;
  mutable std::mutex mutex_;
  std::list<Entry> recent_;  // most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> entries_;
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_PAGE_CACHE_H_
