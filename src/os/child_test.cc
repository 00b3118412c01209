#include "os/child.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace sqlite_efs {
namespace {

constexpr Duration kLong = std::chrono::minutes(4);

TEST(Child, Answers_lines_in_their_order) {
  Result<std::unique_ptr<Child>> child = Child::Start([](const std::string& line) { return "<" + line + ">"; });
  ASSERT_TRUE(child.ok()) << child.status().message();
  const std::string large(100'000, 'x');
  ASSERT_TRUE((*child)->Send("a b").ok());
  ASSERT_TRUE((*child)->Send("").ok());
  ASSERT_TRUE((*child)->Send(large).ok());
  EXPECT_EQ(*(*child)->Receive(kLong), "<a b>");
  EXPECT_EQ(*(*child)->Receive(kLong), "<>");
  EXPECT_EQ(*(*child)->Receive(kLong), "<" + large + ">");
}

TEST(Child, Is_another_process_and_dies_when_it_is_killed) {
  const auto child = std::move(*Child::Start([](const std::string&) { return std::to_string(::getpid()); }));
  ASSERT_TRUE(child->Send("?").ok());
  EXPECT_NE(*child->Receive(kLong), std::to_string(::getpid()));
  child->Kill();
  EXPECT_TRUE(child->Send("?").Is(StatusCode::kUnavailable));
  EXPECT_TRUE(child->Receive(kLong).status().Is(StatusCode::kUnavailable));
}

TEST(Child, A_wait_for_one_that_does_not_answer_ends) {
  const auto child = std::move(*Child::Start([](const std::string&) -> std::string {
    ::pause();
    return "";
  }));
  ASSERT_TRUE(child->Send("?").ok());
  EXPECT_TRUE(child->Receive(std::chrono::milliseconds(10)).status().Is(StatusCode::kUnavailable));
}

TEST(Child, One_that_ends_by_itself_is_noticed) {
  const auto child = std::move(*Child::Start([](const std::string&) -> std::string { ::_exit(3); }));
  ASSERT_TRUE(child->Send("?").ok());
  EXPECT_TRUE(child->Receive(kLong).status().Is(StatusCode::kUnavailable));
}

}  // namespace
}  // namespace sqlite_efs
