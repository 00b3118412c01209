// The credentials of include/sqlite_efs.h.
#include "aws/program_credentials.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "sqlite_efs.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void Give(void* context, int limit_ms, sqlite_efs_credentials* answer) {
  EXPECT_EQ(limit_ms, 60'000);
  sqlite_efs_give_credentials(answer, static_cast<const char*>(context), "s3cret", nullptr, 5);
}

class ProgramCredentialsTest : public ::testing::Test {
 protected:
  ~ProgramCredentialsTest() override { EXPECT_EQ(sqlite_efs_set_credentials_source(nullptr, nullptr), 0); }
  static Result<Credentials> Fetch() { return NewProgramCredentials()->Fetch(seconds(60)); }

  std::string key_ = "from the program";
};

TEST_F(ProgramCredentialsTest, There_are_none_without_a_source) {
  EXPECT_TRUE(Fetch().status().Is(StatusCode::kNotFound));
}

TEST_F(ProgramCredentialsTest, What_it_gives_is_copied) {
  ASSERT_EQ(sqlite_efs_set_credentials_source(&Give, key_.data()), 0);
  EXPECT_EQ(*Fetch(), (Credentials{"from the program", "s3cret", "", 5}));
}

TEST_F(ProgramCredentialsTest, What_it_says_instead_is_told) {
  struct Case {
    sqlite_efs_credentials_source source;
    StatusCode code;
    const char* text;
  };
  const std::vector<Case> cases = {
      {[](void*, int, sqlite_efs_credentials* answer) { sqlite_efs_refuse_credentials(answer, "log in", 0); },
       StatusCode::kNotFound, "log in"},
      {[](void*, int, sqlite_efs_credentials* answer) { sqlite_efs_refuse_credentials(answer, "soon", 1); },
       StatusCode::kUnavailable, "soon"},
      {[](void*, int, sqlite_efs_credentials*) {}, StatusCode::kNotFound, "no answer"},
  };
  for (const Case& c : cases) {
    ASSERT_EQ(sqlite_efs_set_credentials_source(c.source, nullptr), 0);
    const Status status = Fetch().status();
    EXPECT_TRUE(status.Is(c.code)) << c.text;
    EXPECT_NE(status.message().find(c.text), std::string::npos) << status.message();
  }
}

TEST_F(ProgramCredentialsTest, Who_takes_it_away_waits_for_its_end) {
  struct Steps {
    std::atomic<bool> begun = false;
    std::atomic<bool> ended = false;
  } steps;
  const auto slow = [](void* context, int, sqlite_efs_credentials*) {
    static_cast<Steps*>(context)->begun = true;
    std::this_thread::sleep_for(milliseconds(50));
    static_cast<Steps*>(context)->ended = true;
  };
  ASSERT_EQ(sqlite_efs_set_credentials_source(slow, &steps), 0);
  std::thread caller([] { (void)Fetch(); });
  while (!steps.begun) std::this_thread::yield();
  ASSERT_EQ(sqlite_efs_set_credentials_source(nullptr, nullptr), 0);
  EXPECT_TRUE(steps.ended);
  caller.join();
}

TEST_F(ProgramCredentialsTest, A_child_of_fork_asks_it_though_its_parent_was_asking) {
  std::atomic<int> step = 0;
  const auto once = [](void* context, int, sqlite_efs_credentials* answer) {
    auto& step = *static_cast<std::atomic<int>*>(context);
    if (step == 1) sqlite_efs_give_credentials(answer, "child", "s", "t", 0);
    if (step != 0) return;
    step = 1;
    while (step != 2) std::this_thread::yield();
  };
  ASSERT_EQ(sqlite_efs_set_credentials_source(once, &step), 0);
  std::thread caller([] { (void)Fetch(); });
  while (step != 1) std::this_thread::yield();
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<Credentials> found = Fetch();
    ::_exit(found.ok() && found->access_key_id == "child" && sqlite_efs_set_credentials_source(nullptr, nullptr) == 0
                ? 0
                : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  step = 2;
  caller.join();
}

}  // namespace
}  // namespace sqlite_efs
