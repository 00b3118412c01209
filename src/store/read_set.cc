#include "store/read_set.h"

#include <algorithm>

namespace sqlite_efs {

void ReadSet::Add(PageNumber page) {
  if (page.value <= 1 || all_) return;
  if (page.value >= kMaxPages) {
    Clear();
    all_ = true;
    return;
  }
  if (page.value >= pages_.size()) {
    pages_.resize(std::min<size_t>(kMaxPages, std::max<size_t>(page.value + size_t{1}, pages_.size() * 2)));
  }
  pages_[page.value] = true;
}

void ReadSet::Clear() {
  pages_ = {};
  all_ = false;
}

bool ReadSet::Has(PageNumber page) const {
  if (page.value == 1) return false;
  return all_ || (page.value < pages_.size() && pages_[page.value]);
}

}  // namespace sqlite_efs
