#ifndef SQLITE_EFS_STORE_TREE_WALK_H_
#define SQLITE_EFS_STORE_TREE_WALK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <vector>

#include "base/types.h"

namespace sqlite_efs {

// Foretells which pages a walk over a B-tree will want. A table or an index that grew beside others lies scattered over
// the file, where no neighbour helps; but the page above names all its pages in their order
// (https://www.sqlite.org/fileformat2.html#b_tree_pages). Thread-safe.
class TreeWalk {
 public:
  // Pages foretold at a time: each may be a round trip, but all are under way together.
  static constexpr size_t kMost = 16;

  // Foretells at most `most` pages at a time, and never more than kMost.
  explicit TreeWalk(size_t most = kMost) : most_(std::min(most, kMost)) {}

  // Takes note of the pages that this one names, if it is one that does. Anything may be in it.
  void Note(PageNumber page, Bytes content);

  // `page` is wanted, and has to be read. What will most likely be wanted after it, in that order: more and more as
  // long as one page after the other is wanted, upwards or downwards, and nothing else.
  std::vector<PageNumber> After(PageNumber page);

 private:
  // A page that names others, and how far a walk over them is known to have come.
  struct Parent {
    PageNumber page;
    std::vector<PageNumber> children;
    std::optional<size_t> last;  // child that was wanted or foretold
    bool downwards = false;
    size_t foretold = 0;  // last time
  };

  static bool GoesOn(const Parent& parent, size_t child);
  std::vector<PageNumber> Foretell(Parent& parent, size_t child) const;

  const size_t most_;
  std::mutex mutex_;
  std::list<Parent> parents_;  // most recently used first
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_TREE_WALK_H_
