#include "lease/lease_memory.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

using std::chrono::seconds;

LeaseRecord Held(const std::string& lock_id, uint64_t version = 0, const std::string& database = "db") {
  LeaseRecord record;
  record.database_id = database;
  record.lock_id = lock_id;
  record.version = version;
  record.lease_ms = 7000;
  return record;
}

TEST(LeaseMemoryTest, Knows_which_of_its_names_are_over) {
  LeaseMemory memory;
  LeaseMemory other;
  const std::string first = memory.NewLockId();
  const std::string second = memory.NewLockId();
  EXPECT_NE(first, second);
  EXPECT_FALSE(memory.IsOver(first)) << "it is under way";
  memory.Over(first);
  EXPECT_TRUE(memory.IsOver(first));
  EXPECT_FALSE(memory.IsOver(second));
  EXPECT_FALSE(other.IsOver(first)) << "another process's";
  EXPECT_FALSE(memory.IsOver(""));
}

TEST(LeaseMemoryTest, A_sighting_lasts_until_the_record_changes) {
  LeaseMemory memory;
  EXPECT_FALSE(memory.Last("db").has_value());
  EXPECT_TRUE(memory.Saw(Held("a"), Instant{} + seconds(1)));
  EXPECT_FALSE(memory.Saw(Held("a"), Instant{} + seconds(5)));
  EXPECT_EQ(memory.Last("db")->since, Instant{} + seconds(1));
  EXPECT_EQ(memory.Last("db")->lease, seconds(7));
  EXPECT_TRUE(memory.Saw(Held("a", 1), Instant{} + seconds(6)));
  EXPECT_EQ(memory.Last("db")->since, Instant{} + seconds(6));
  EXPECT_TRUE(memory.Saw(Held("b", 1), Instant{} + seconds(7)));
  EXPECT_FALSE(memory.Last("another").has_value());
}

TEST(LeaseMemoryTest, A_lease_of_no_sensible_length_is_not_believed) {
  LeaseMemory memory;
  int i = 0;
  for (const int64_t length_ms : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{86'400'001}, INT64_MAX}) {
    LeaseRecord record = Held("a", ++i);
    record.lease_ms = length_ms;
    memory.Saw(record, {});
    EXPECT_EQ(memory.Last("db")->lease, Duration::zero()) << length_ms;
  }
}

TEST(LeaseMemoryTest, Is_bounded) {
  LeaseMemory memory;
  for (int i = 0; i < 1000; i++) memory.Saw(Held("a", 0, "db" + std::to_string(i)), {});
  size_t known = 0;
  for (int i = 0; i < 1000; i++) known += memory.Last("db" + std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(known, 256U);
  EXPECT_TRUE(memory.Last("db999").has_value());
}

}  // namespace
}  // namespace sqlite_efs
