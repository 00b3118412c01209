#include "lease/lease_queue.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

TEST(LeaseQueueTest, Is_a_text_and_back) {
  for (const char* text : {"", "a", "a b! c", "0123456789abcdef!"}) {
    EXPECT_EQ(LeaseQueue::Parse(text).Format(), text);
  }
}

TEST(LeaseQueueTest, Takes_of_any_text_what_it_understands) {
  EXPECT_EQ(LeaseQueue::Parse("  a  b !  ! c!! a a! d ").Format(), "a b d");
  EXPECT_EQ(LeaseQueue::Parse("0123456789abcdefg x").Format(), "x") << "too long a name";
  std::string many;
  for (int i = 0; i < 1000; i++) many += std::to_string(i) + " ";
  const LeaseQueue queue = LeaseQueue::Parse(many);
  EXPECT_TRUE(queue.full());
  EXPECT_TRUE(queue.Has("31"));
  EXPECT_FALSE(queue.Has("32"));
}

TEST(LeaseQueueTest, Who_comes_first_is_served_first) {
  LeaseQueue queue;
  EXPECT_EQ(queue.Ahead("a"), 0U);
  for (const char* name : {"a", "b", "c"}) queue.Append(name);
  EXPECT_EQ(queue.Ahead("a"), 0U);
  EXPECT_EQ(queue.Ahead("c"), 2U);
  EXPECT_EQ(queue.Ahead("newcomer"), 3U);
  queue.Serve("a");
  EXPECT_EQ(queue.Format(), "b c");
  queue.Remove("b");
  EXPECT_EQ(queue.Format(), "c");
  queue.Remove("nobody");
  EXPECT_EQ(queue.Format(), "c");
}

TEST(LeaseQueueTest, Who_is_passed_loses_its_turn_and_then_its_place) {
  LeaseQueue queue = LeaseQueue::Parse("dead slow b c d");
  queue.Serve("b");
  EXPECT_EQ(queue.Format(), "dead! slow! c d");
  EXPECT_EQ(queue.Ahead("c"), 0U) << "nobody waits for those that were passed";
  EXPECT_EQ(queue.Ahead("d"), 1U);
  EXPECT_EQ(queue.Ahead("slow"), 0U) << "it may still come";
  queue.Serve("slow");
  EXPECT_EQ(queue.Format(), "c d");
}

TEST(LeaseQueueTest, Who_had_no_place_passes_all) {
  LeaseQueue queue = LeaseQueue::Parse("a! b c");
  queue.Serve("newcomer");
  EXPECT_EQ(queue.Format(), "b! c!");
  queue.Serve("newcomer");
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace sqlite_efs
