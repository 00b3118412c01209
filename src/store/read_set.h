#ifndef SQLITE_EFS_STORE_READ_SET_H_
#define SQLITE_EFS_STORE_READ_SET_H_

#include <vector>

#include "base/types.h"

namespace sqlite_efs {

// The pages that a connection has read, or may still know from before: what must not have changed if its transaction is
// to go on from a newer state. Page 1 is no part of it: it changes with each commit, and is always compared. Takes a
// bit for each page of the database. Not thread-safe.
class ReadSet {
 public:
  // In a larger database every page counts as read once one beyond this was. 1 MiB of memory.
  static constexpr uint32_t kMaxPages = uint32_t{1} << 23;

  void Add(PageNumber page);
  void Clear();
  bool Has(PageNumber page) const;
  bool empty() const { return pages_.empty() && !all_; }

 private:
  std::vector<bool> pages_;  // by number
  bool all_ = false;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_READ_SET_H_
