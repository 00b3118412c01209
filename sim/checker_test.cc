// What the checker says of histories that it must and must not believe.
#include "sim/checker.h"

#include <gtest/gtest.h>

namespace sqlite_efs::sim {
namespace {

// A transaction across registers that was acknowledged.
Written Across(Tx tx, std::vector<Access> reads, std::vector<int> writes) {
  Written written;
  written.tx = tx;
  written.outcome = Written::Outcome::kAcknowledged;
  written.takes_place = false;
  written.reads = std::move(reads);
  written.writes = std::move(writes);
  return written;
}

std::string Judged(const std::vector<Written>& all, const Registers& registers) {
  Checker checker;
  for (const Written& written : all) checker.Add(written);
  FinalState state;
  state.source = "test";
  state.digest = Model().Digest();
  state.registers = registers;
  checker.Judge(state);
  return checker.violation();
}

TEST(CheckerTest, Believes_transactions_that_can_be_ordered) {
  EXPECT_EQ(Judged({Across(1, {{0, {0, 0}}}, {0}), Across(2, {{0, {0, 0}}, {1, {0, 0}}}, {1}),
                    Across(3, {{0, {1, 1}}, {1, {1, 2}}}, {0, 1})},
                   {Version{2, 3}, Version{2, 3}}),
            "");
}

TEST(CheckerTest, Finds_write_skew) {
  EXPECT_EQ(Judged({Across(1, {{0, {0, 0}}, {1, {0, 0}}}, {0}), Across(2, {{0, {0, 0}}, {1, {0, 0}}}, {1})},
                   {Version{1, 1}, Version{1, 2}}),
            "test: not serial: 2 transactions cannot be ordered: some have read what each other overwrote");
}

TEST(CheckerTest, Finds_an_update_that_was_lost) {
  EXPECT_EQ(Judged({Across(1, {{0, {0, 0}}}, {0}), Across(2, {{0, {0, 0}}}, {0})}, {Version{1, 2}}),
            "test: not durable: transaction 1 was acknowledged and is lost");
}

TEST(CheckerTest, Finds_half_a_transaction) {
  EXPECT_EQ(Judged({Across(1, {{0, {0, 0}}, {1, {0, 0}}}, {0, 1})}, {Version{1, 1}}),
            "test: not atomic: of what transaction 1 wrote only a part is there");
}

TEST(CheckerTest, Finds_what_was_read_of_one_that_was_rolled_back) {
  Written refused = Across(1, {{0, {0, 0}}}, {0});
  refused.outcome = Written::Outcome::kRefused;
  Written reader = Across(2, {{0, {1, 1}}, {1, {0, 0}}}, {1});
  EXPECT_EQ(Judged({refused, reader}, {Version{}, Version{1, 2}}),
            "test: not serial: version 1 of item 0 by transaction 1 was seen and is not in the history");
}

}  // namespace
}  // namespace sqlite_efs::sim
