#include "aws/host_name.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

TEST(HostName, A_host_that_is_there_is_one) {
  EXPECT_FALSE(IsNoHost("localhost", std::chrono::seconds(10)));
  EXPECT_FALSE(IsNoHost("127.0.0.1", std::chrono::seconds(10)));
}

TEST(HostName, Without_an_answer_in_time_there_may_be_one) {
  EXPECT_FALSE(IsNoHost("nowhere.invalid", Duration::zero()));
}

}  // namespace
}  // namespace sqlite_efs
