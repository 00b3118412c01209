#include "store/tree_walk.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <numeric>

#include "store/base_file.h"
#include "store/wal_format.h"

namespace sqlite_efs {
namespace {

constexpr uint32_t kPageSize = 4096;
constexpr PageNumber kRoot = {7};
using Pages = std::vector<PageNumber>;

void WriteBigEndian16(std::byte* at, uint32_t value) {
  at[0] = std::byte(value >> 8);
  at[1] = std::byte(value & 0xff);
}

// An interior page of an index that names those pages; its tree begins at `at`.
std::vector<std::byte> Interior(const Pages& children, size_t at = 0) {
  std::vector<std::byte> page(kPageSize);
  page[at] = std::byte{2};
  WriteBigEndian16(&page[at + 3], static_cast<uint32_t>(children.size() - 1));
  for (size_t i = 0; i + 1 < children.size(); i++) {
    const auto cell = static_cast<uint32_t>(kPageSize - 8 * (i + 1));
    WriteBigEndian16(&page[at + 12 + 2 * i], cell);
    WriteBigEndian32(&page[cell], children[i].value);
  }
  WriteBigEndian32(&page[at + 8], children.back().value);
  return page;
}

// `count` pages, far from each other.
Pages Scattered(uint32_t count) {
  Pages pages;
  for (uint32_t i = 0; i < count; i++) pages.push_back({1000 + 50 * i});
  return pages;
}

class TreeWalkTest : public ::testing::Test {
 protected:
  TreeWalkTest() { walk_.Note(kRoot, Interior(children_)); }

  // Wants one child after the other, as far as they were not foretold; returns how many times one had to be asked for.
  size_t WalkTo(size_t end) {
    size_t asked = 0;
    for (size_t i = 0; i < end; asked++) i += 1 + walk_.After(children_[i]).size();
    return asked;
  }

  const Pages children_ = Scattered(200);
  TreeWalk walk_;
};

TEST_F(TreeWalkTest, Foretells_nothing_of_pages_that_it_does_not_know) {
  EXPECT_TRUE(walk_.After({5}).empty());
  EXPECT_TRUE(walk_.After({6}).empty());
}

TEST_F(TreeWalkTest, Foretells_more_and_more_while_one_page_after_the_other_is_wanted) {
  EXPECT_TRUE(walk_.After(children_[0]).empty());
  EXPECT_EQ(walk_.After(children_[1]), Pages(children_.begin() + 2, children_.begin() + 4));
  EXPECT_EQ(walk_.After(children_[4]), Pages(children_.begin() + 5, children_.begin() + 9));
  EXPECT_EQ(walk_.After(children_[9]).size(), 8U);
  EXPECT_EQ(walk_.After(children_[18]).size(), TreeWalk::kMost);
  EXPECT_EQ(walk_.After(children_[35]).size(), TreeWalk::kMost);
}

TEST_F(TreeWalkTest, Follows_a_walk_downwards) {
  EXPECT_TRUE(walk_.After(children_[100]).empty());
  EXPECT_EQ(walk_.After(children_[99]), Pages({children_[98], children_[97]}));
  EXPECT_EQ(walk_.After(children_[96]), Pages({children_[95], children_[94], children_[93], children_[92]}));
}

TEST_F(TreeWalkTest, Ends_with_the_last_child) {
  EXPECT_LE(WalkTo(children_.size()), 4 + children_.size() / TreeWalk::kMost);
  EXPECT_TRUE(walk_.After(children_.back()).empty());
}

TEST_F(TreeWalkTest, Foretells_nothing_when_the_walk_is_over) {
  WalkTo(50);
  EXPECT_TRUE(walk_.After(children_[120]).empty());
  EXPECT_TRUE(walk_.After(children_[20]).empty());
  EXPECT_TRUE(walk_.After(children_[190]).empty());
}

TEST_F(TreeWalkTest, A_few_pages_that_were_here_do_not_end_it) {
  walk_.After(children_[0]);
  EXPECT_EQ(walk_.After(children_[3]).size(), 2U);
  EXPECT_EQ(walk_.After(children_[8]).size(), 4U);
}

TEST_F(TreeWalkTest, A_page_that_names_others_now_is_taken_as_it_is) {
  WalkTo(50);
  const Pages others = {{3}, {4}, {5}, {6}};
  walk_.Note(kRoot, Interior(others));
  EXPECT_TRUE(walk_.After(children_[60]).empty());
  EXPECT_TRUE(walk_.After(others[0]).empty());
  EXPECT_EQ(walk_.After(others[1]), Pages({others[2], others[3]}));
}

TEST_F(TreeWalkTest, The_same_content_does_not_end_a_walk) {
  walk_.After(children_[0]);
  walk_.Note(kRoot, Interior(children_));
  EXPECT_EQ(walk_.After(children_[1]).size(), 2U);
}

TEST_F(TreeWalkTest, The_first_page_has_its_tree_behind_the_header) {
  TreeWalk walk;
  walk.Note({1}, Interior(children_, kDatabaseHeaderSize));
  walk.After(children_[0]);
  EXPECT_EQ(walk.After(children_[1]).size(), 2U);
}

TEST_F(TreeWalkTest, Remembers_only_the_pages_that_were_used_last) {
  for (uint32_t i = 0; i < 100; i++) walk_.Note({10'000 + i}, Interior({{20'000 + 2 * i}, {20'001 + 2 * i}}));
  walk_.After(children_[0]);
  EXPECT_TRUE(walk_.After(children_[1]).empty());
}

TEST_F(TreeWalkTest, Keeps_to_the_most_that_it_was_told) {
  TreeWalk none(0);
  none.Note(kRoot, Interior(children_));
  none.After(children_[0]);
  EXPECT_TRUE(none.After(children_[1]).empty());
  EXPECT_TRUE(none.After(children_[2]).empty());
}

TEST_F(TreeWalkTest, Takes_nothing_from_a_page_that_is_damaged) {
  std::vector<std::byte> too_many = Interior(children_);
  WriteBigEndian16(&too_many[3], 0xffff);
  std::vector<std::byte> outside = Interior(children_);
  WriteBigEndian16(&outside[12], kPageSize - 1);
  std::vector<std::byte> nowhere = Interior(children_);
  WriteBigEndian32(&nowhere[8], 0);
  for (const std::vector<std::byte>& page : {too_many, outside, nowhere, std::vector<std::byte>(512, std::byte{2})}) {
    TreeWalk walk;
    walk.Note(kRoot, page);
    walk.After(children_[0]);
    EXPECT_TRUE(walk.After(children_[1]).empty());
  }
}

}  // namespace
}  // namespace sqlite_efs
