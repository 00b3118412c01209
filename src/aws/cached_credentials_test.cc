#include "aws/cached_credentials.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "testing/manual_clock.h"

namespace sqlite_efs {
namespace {

using namespace std::chrono_literals;
using testing::ManualClock;

// Answers as the test says.
class TestSource : public CredentialsSource {
 public:
  explicit TestSource(std::function<Result<Credentials>()> answer) : answer_(std::move(answer)) {}
  Result<Credentials> Fetch(Duration /*limit*/) override { return answer_(); }

 private:
  const std::function<Result<Credentials>()> answer_;
};

class CachedCredentialsTest : public ::testing::Test {
 protected:
  std::string KeyNow() {
    const Result<Credentials> credentials = cache_.Get(1s);
    return credentials.ok() ? credentials->access_key_id : "error: " + credentials.status().message();
  }
  Result<Credentials> Next() {
    fetches_++;
    if (!failure_.ok()) return failure_;
    Credentials credentials{"key " + std::to_string(fetches_), "s", "t", {}};
    if (lifetime_) {
      credentials.expires_at_ms = clock_.WallTime_ms() + std::chrono::milliseconds(*lifetime_).count();
    }
    return credentials;
  }

  ManualClock clock_;
  int fetches_ = 0;
  std::optional<std::chrono::minutes> lifetime_ = 60min;
  Status failure_;
  CachedCredentials cache_{std::make_unique<TestSource>([this] { return Next(); }), clock_};
};

TEST_F(CachedCredentialsTest, Are_fetched_once_and_again_before_they_expire) {
  EXPECT_EQ(fetches_, 0);
  EXPECT_EQ(KeyNow(), "key 1");
  clock_.Move(54min);
  EXPECT_EQ(KeyNow(), "key 1");
  clock_.Move(1min + 1s);
  EXPECT_EQ(KeyNow(), "key 2");
  EXPECT_EQ(KeyNow(), "key 2");
}

TEST_F(CachedCredentialsTest, Without_an_expiry_are_kept) {
  lifetime_.reset();
  EXPECT_EQ(KeyNow(), "key 1");
  clock_.Move(10000h);
  EXPECT_EQ(KeyNow(), "key 1");
}

TEST_F(CachedCredentialsTest, Old_ones_are_used_while_they_are_good_and_new_ones_are_not_to_be_had) {
  EXPECT_EQ(KeyNow(), "key 1");
  failure_ = {StatusCode::kUnavailable, "no"};
  clock_.Move(56min);
  EXPECT_EQ(KeyNow(), "key 1");
  EXPECT_EQ(fetches_, 2);
  EXPECT_EQ(KeyNow(), "key 1");
  EXPECT_EQ(fetches_, 2) << "asked again at once";
  clock_.Move(31s);
  EXPECT_EQ(KeyNow(), "key 1");
  EXPECT_EQ(fetches_, 3);
  clock_.Move(4min);
  EXPECT_EQ(KeyNow(), "error: no");
  failure_ = Status::Ok();
  EXPECT_EQ(KeyNow(), "key 5");
}

TEST_F(CachedCredentialsTest, The_same_ones_again_are_not_fetched_without_a_pause) {
  lifetime_ = 3min;
  EXPECT_EQ(KeyNow(), "key 1");
  EXPECT_EQ(KeyNow(), "key 1");
  clock_.Move(31s);
  EXPECT_EQ(KeyNow(), "key 2");
}

TEST_F(CachedCredentialsTest, A_failure_is_not_kept) {
  failure_ = Status::Invalid("no");
  EXPECT_EQ(KeyNow(), "error: no");
  failure_ = Status::Ok();
  EXPECT_EQ(KeyNow(), "key 2");
}

TEST_F(CachedCredentialsTest, Expired_ones_are_not_handed_out) {
  lifetime_ = 0min;
  EXPECT_TRUE(cache_.Get(1s).status().Is(StatusCode::kInvalid));
}

TEST_F(CachedCredentialsTest, Refused_ones_are_fetched_anew_but_their_successors_are_kept) {
  const Credentials first = *cache_.Get(1s);
  cache_.Refused(first);
  EXPECT_EQ(KeyNow(), "key 2");
  cache_.Refused(first);
  EXPECT_EQ(KeyNow(), "key 2");
}

TEST(CachedCredentialsThreadsTest, Others_use_the_old_ones_while_one_thread_fetches) {
  std::mutex mutex;
  std::condition_variable changed;
  int fetches = 0;
  bool released = false;
  const int64_t soon_ms = SystemClock().WallTime_ms() + 60'000;
  CachedCredentials cache(std::make_unique<TestSource>([&]() -> Result<Credentials> {
                            std::unique_lock lock(mutex);
                            const int number = ++fetches;
                            changed.notify_all();
                            if (number == 2) changed.wait(lock, [&] { return released; });
                            return Credentials{"key " + std::to_string(number), "s", "t", soon_ms};
                          }),
                          SystemClock());
  ASSERT_EQ(cache.Get(1s)->access_key_id, "key 1");
  cache.Refused(*cache.Get(1s));
  std::thread fetcher([&] { EXPECT_EQ(cache.Get(60s)->access_key_id, "key 2"); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return fetches == 2; });
  }
  // There are none to use meanwhile: the wait ends with its limit.
  EXPECT_TRUE(cache.Get(10ms).status().Is(StatusCode::kUnavailable));
  std::thread waiter([&] { EXPECT_EQ(cache.Get(60s)->access_key_id, "key 2"); });
  {
    const std::lock_guard lock(mutex);
    released = true;
  }
  changed.notify_all();
  fetcher.join();
  waiter.join();
  EXPECT_EQ(fetches, 2);
}

}  // namespace
}  // namespace sqlite_efs
