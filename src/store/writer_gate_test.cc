#include "store/writer_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The machine's clock, which counts who waits.
class CountingClock final : public Clock {
 public:
  Instant Now() override { return SystemClock().Now(); }
  int64_t WallTime_ms() override { return SystemClock().WallTime_ms(); }
  void Sleep(Duration duration) override { SystemClock().Sleep(duration); }
  bool Wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Duration timeout,
            const std::function<bool()>& ready) override {
    waits++;
    return SystemClock().Wait(changed, lock, timeout, ready);
  }
  std::atomic<int> waits = 0;
};

class WriterGateTest : public ::testing::Test {
 protected:
  bool Enter(WriterGate::Owner owner, Duration timeout = milliseconds(0)) {
    bool kept = false;
    const bool entered = gate_.Enter(owner, timeout, &kept);
    was_kept_ = kept;
    return entered;
  }
  CountingClock clock_;
  WriterGate gate_{clock_};
  std::atomic<bool> was_kept_ = false;
};

TEST_F(WriterGateTest, Lets_one_in_at_a_time) {
  EXPECT_TRUE(Enter(1));
  EXPECT_FALSE(was_kept_);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_FALSE(Enter(2, milliseconds(30)));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(30));
  gate_.Leave();
  EXPECT_TRUE(Enter(2));
  gate_.Leave();
}

TEST_F(WriterGateTest, Lets_waiters_in_in_their_order) {
  ASSERT_TRUE(Enter(1));
  std::vector<WriterGate::Owner> order;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (WriterGate::Owner owner = 2; owner <= 5; owner++) {
    threads.emplace_back([&, owner] {
      bool kept = false;
      ASSERT_TRUE(gate_.Enter(owner, seconds(60), &kept));
      {
        const std::lock_guard lock(mutex);
        order.push_back(owner);
      }
      gate_.Leave();
    });
    // Until it stands in the queue.
    while (clock_.waits < static_cast<int>(owner)) std::this_thread::yield();
  }
  gate_.Leave();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<WriterGate::Owner>{2, 3, 4, 5}));
}

TEST_F(WriterGateTest, One_who_gave_up_stops_nobody) {
  ASSERT_TRUE(Enter(1));
  std::thread impatient([&] {
    bool kept = false;
    EXPECT_FALSE(gate_.Enter(2, milliseconds(60), &kept));
  });
  while (clock_.waits < 2) std::this_thread::yield();
  std::thread patient([&] {
    bool kept = false;
    EXPECT_TRUE(gate_.Enter(3, seconds(60), &kept));
    gate_.Leave();
  });
  impatient.join();
  gate_.Leave();
  patient.join();
}

TEST_F(WriterGateTest, A_kept_place_is_its_owners) {
  ASSERT_TRUE(Enter(1));
  gate_.Keep();
  EXPECT_FALSE(Enter(2, milliseconds(10)));
  EXPECT_TRUE(Enter(1));
  EXPECT_TRUE(was_kept_);
  gate_.Leave();
  EXPECT_TRUE(Enter(2));
  EXPECT_FALSE(was_kept_);
  gate_.Leave();
}

TEST_F(WriterGateTest, A_kept_place_can_be_taken_back) {
  ASSERT_TRUE(Enter(1));
  EXPECT_FALSE(gate_.EndKeep(1)) << "it is not kept, but used";
  EXPECT_FALSE(gate_.EndKeep(0));
  gate_.Keep();
  EXPECT_FALSE(gate_.EndKeep(2)) << "another's";
  EXPECT_TRUE(gate_.EndKeep(0));
  EXPECT_FALSE(gate_.EndKeep(0)) << "once only";
  EXPECT_FALSE(Enter(1)) << "whoever took it has it";
  gate_.Leave();
  EXPECT_TRUE(Enter(1));
  EXPECT_FALSE(was_kept_);
  gate_.Leave();
}

TEST_F(WriterGateTest, The_engine_enters_only_if_nobody_is_there_or_waits) {
  ASSERT_TRUE(gate_.EnterIfIdle());
  EXPECT_FALSE(gate_.EnterIfIdle());
  EXPECT_FALSE(Enter(1, milliseconds(10)));
  gate_.Leave();
  ASSERT_TRUE(Enter(1));
  EXPECT_FALSE(gate_.EnterIfIdle());
  gate_.Keep();
  EXPECT_FALSE(gate_.EnterIfIdle()) << "the place is kept";
  EXPECT_TRUE(Enter(1));
  gate_.Leave();
}

TEST_F(WriterGateTest, Under_load_there_is_one_at_a_time) {
  int inside = 0;  // the gate alone guards it: a thread sanitizer sees if it does not
  std::vector<std::thread> threads;
  for (WriterGate::Owner owner = 1; owner <= 4; owner++) {
    threads.emplace_back([&, owner] {
      for (int i = 0; i < 300; i++) {
        bool kept = false;
        ASSERT_TRUE(gate_.Enter(owner, seconds(60), &kept));
        inside++;
        if (i % 3 == 0) {
          gate_.Keep();
          ASSERT_TRUE(gate_.Enter(owner, seconds(60), &kept));
          EXPECT_TRUE(kept);
        }
        gate_.Leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(inside, 1200);
}

}  // namespace
}  // namespace sqlite_efs
