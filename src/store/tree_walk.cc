#include "store/tree_walk.h"

#include <algorithm>

#include "store/base_file.h"
#include "store/wal_format.h"

namespace sqlite_efs {
namespace {

constexpr std::byte kInteriorIndexPage{2};
constexpr std::byte kInteriorTablePage{5};
constexpr size_t kCellCountOffset = 3;
constexpr size_t kRightmostOffset = 8;
constexpr size_t kInteriorHeaderSize = 12;
constexpr size_t kMaxParents = 16;
constexpr size_t kNear = 4;  // pages of a walk that may have been here already

uint32_t ReadBigEndian16(const std::byte* at) {
  return (std::to_integer<uint32_t>(at[0]) << 8) | std::to_integer<uint32_t>(at[1]);
}

// The pages that an interior page names, in the order of their keys; none if it is no such page, or a damaged one.
std::vector<PageNumber> ChildrenOf(PageNumber page, Bytes content) {
  const Bytes tree = content.subspan(page.value == 1 ? kDatabaseHeaderSize : 0);
  if (tree[0] != kInteriorIndexPage && tree[0] != kInteriorTablePage) return {};
  const uint32_t cells = ReadBigEndian16(&tree[kCellCountOffset]);
  if (kInteriorHeaderSize + cells * size_t{2} > tree.size()) return {};
  std::vector<PageNumber> children;
  children.reserve(cells + 1);
  for (uint32_t i = 0; i < cells; i++) {
    const uint32_t cell = ReadBigEndian16(&tree[kInteriorHeaderSize + i * size_t{2}]);
    if (cell + sizeof(uint32_t) > content.size()) return {};
    children.push_back({ReadBigEndian32(&content[cell])});
  }
  children.push_back({ReadBigEndian32(&tree[kRightmostOffset])});
  if (std::ranges::any_of(children, [](PageNumber child) { return child.value == 0; })) return {};
  return children;
}

}  // namespace

void TreeWalk::Note(PageNumber page, Bytes content) {
  std::vector<PageNumber> children = ChildrenOf(page, content);
  if (children.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find_if(parents_, [&](const Parent& parent) { return parent.page == page; });
  if (known != parents_.end()) {
    if (known->children != children) *known = {page, std::move(children), {}, false, 0};
    return;
  }
  parents_.push_front({page, std::move(children), {}, false, 0});
  if (parents_.size() > kMaxParents) parents_.pop_back();
}

std::vector<PageNumber> TreeWalk::After(PageNumber page) {
  const std::lock_guard lock(mutex_);
  for (auto parent = parents_.begin(); parent != parents_.end(); ++parent) {
    const auto child = std::ranges::find(parent->children, page);
    if (child == parent->children.end()) continue;
    parents_.splice(parents_.begin(), parents_, parent);
    return Foretell(*parent, static_cast<size_t>(child - parent->children.begin()));
  }
  return {};
}

bool TreeWalk::GoesOn(const Parent& parent, size_t child) {
  if (!parent.last || *parent.last == child) return false;
  const bool downwards = child < *parent.last;
  const size_t distance = downwards ? *parent.last - child : child - *parent.last;
  return distance <= kNear && (parent.foretold == 0 || downwards == parent.downwards);
}

std::vector<PageNumber> TreeWalk::Foretell(Parent& parent, size_t child) const {
  std::vector<PageNumber> next;
  if (GoesOn(parent, child)) {
    parent.downwards = child < *parent.last;
    const size_t left = parent.downwards ? child : parent.children.size() - 1 - child;
    const size_t count = std::min({left, most_, std::max<size_t>(2, parent.foretold * 2)});
    for (size_t i = 1; i <= count; i++) next.push_back(parent.children[parent.downwards ? child - i : child + i]);
  }
  parent.foretold = next.size();
  parent.last = parent.downwards ? child - next.size() : child + next.size();
  return next;
}

}  // namespace sqlite_efs
