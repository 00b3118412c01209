#ifndef SQLITE_EFS_STORE_PAGE_CACHE_H_
#define SQLITE_EFS_STORE_PAGE_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/metrics.h"
#include "base/types.h"

namespace sqlite_efs {

// Whether a page is put into the cache because it is wanted, or because it lay beside one that was.
enum class PageUse { kWanted, kAhead };

// Pages of one database, shared by all connections of the process, bounded, the least recently used dropped first.
// A frame of a segment never changes, so its page is valid for ever. A page of the base is what a snapshot has read
// there; later snapshots that find no newer version in the log may have it too, earlier ones may not. Thread-safe.
// `metrics` must outlive it.
class PageCache {
 public:
  PageCache(size_t capacity_bytes, uint32_t page_size, Metrics& metrics);
  ~PageCache();
  PageCache(const PageCache&) = delete;
  PageCache& operator=(const PageCache&) = delete;

  // Copies out.size() bytes from `offset` of the page in a frame, if it is here.
  bool GetFrame(SegmentNumber segment, FrameNumber frame, size_t offset, MutableBytes out);
  void PutFrame(SegmentNumber segment, FrameNumber frame, Bytes page);

  // The same for a page of the base, for a snapshot that ends in segment `at`.
  bool GetBase(PageNumber page, SegmentNumber at, size_t offset, MutableBytes out);
  // Whether GetBase() would find it.
  bool HasBase(PageNumber page, SegmentNumber at) const;
  // `epoch` is what base_epoch() said before the page was read: it is not taken if pages were dropped since. Of two
  // contents the one that the earlier snapshot has read stays: it is right for both.
  void PutBase(PageNumber page, SegmentNumber at, uint64_t epoch, Bytes content, PageUse use = PageUse::kWanted);
  uint64_t base_epoch() const;
  // Drops pages of the base, before a newer version of them is looked for there.
  void DropBase(const std::vector<PageNumber>& pages);

  // How many pages can be taken without dropping one.
  size_t room_pages() const;

  size_t capacity_bytes() const { return max_pages_ * page_size_; }
  size_t size_bytes() const;

 private:
  // A frame of a segment, or, with segment 0, a page of the base.
  struct Key {
    uint64_t segment = 0;
    uint32_t number = 0;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const {
      return std::hash<uint64_t>()((key.segment << 32) ^ (key.number * 0x9e3779b97f4a7c15ULL));
    }
  };
  struct Entry {
    Key key;
    SegmentNumber since;  // of a page of the base: the first snapshots that may have it
    std::unique_ptr<std::byte[]> page;
    bool awaits_use = false;  // read ahead, and not wanted yet
  };

  bool Get(const Key& key, SegmentNumber at, size_t offset, MutableBytes out);
  void PutLocked(const Key& key, SegmentNumber since, Bytes page, PageUse use);
  void Leaves(const Entry& entry);

  const size_t max_pages_;
  const uint32_t page_size_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::list<Entry> recent_;  // most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> entries_;
  uint64_t base_epoch_ = 0;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_PAGE_CACHE_H_
