#include "lease/lease_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

namespace sqlite_efs {
namespace {

TEST(LeaseTextTest, A_process_is_named_with_its_host_and_number) {
  const std::string text = DescribeThisProcess();
  EXPECT_NE(text.find(", process " + std::to_string(::getpid()) + " ("), std::string::npos) << text;
  EXPECT_EQ(text.find("function"), std::string::npos) << text;
}

TEST(LeaseTextTest, On_Lambda_the_function_is_named_too) {
  ASSERT_EQ(::setenv("AWS_LAMBDA_FUNCTION_NAME", "polls", 1), 0);
  const std::string text = DescribeThisProcess();
  ASSERT_EQ(::unsetenv("AWS_LAMBDA_FUNCTION_NAME"), 0);
  EXPECT_TRUE(text.ends_with(", function polls)")) << text;
}

TEST(LeaseTextTest, A_holder_is_named_with_its_times_where_they_are_known) {
  LeaseRecord record;
  record.holder = "web-2, process 7 (python3)";
  EXPECT_EQ(DescribeHolder(record), "");
  record.lock_id = "x";
  EXPECT_EQ(DescribeHolder(record), " by web-2, process 7 (python3)");
  record.since_ms = 1'700'000'000'000;
  record.expires_at_ms = record.since_ms + 10'000;
  EXPECT_EQ(DescribeHolder(record),
            " by web-2, process 7 (python3), since 2023-11-14T22:13:20Z and until 2023-11-14T22:13:30Z if that is not "
            "renewed,");
}

TEST(LeaseTextTest, A_duration_is_told_to_the_millisecond) {
  EXPECT_EQ(Seconds(std::chrono::microseconds(53)), "0");
  EXPECT_EQ(Seconds(std::chrono::microseconds(53'400)), "0.053");
  EXPECT_EQ(Seconds(std::chrono::seconds(5) + std::chrono::milliseconds(3)), "5");
}

}  // namespace
}  // namespace sqlite_efs
