#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace sqlite_efs {
namespace {

TEST(StatusTest, Is_ok_by_default) {
  EXPECT_TRUE(Status().ok());
  EXPECT_TRUE(Status::Ok().ok());
  EXPECT_EQ(Status().message(), "");
}

TEST(StatusTest, Errno_decides_the_code) {
  struct Case {
    int error;
    StatusCode code;
  };
  for (const Case& c :
       {Case{ENOENT, StatusCode::kNotFound}, Case{ENOTDIR, StatusCode::kNotFound}, Case{EEXIST, StatusCode::kExists},
        Case{ENOTEMPTY, StatusCode::kExists}, Case{ESTALE, StatusCode::kStale}, Case{ENOSPC, StatusCode::kFull},
        Case{EDQUOT, StatusCode::kFull}, Case{EACCES, StatusCode::kReadOnly}, Case{EPERM, StatusCode::kReadOnly},
        Case{EROFS, StatusCode::kReadOnly}, Case{EIO, StatusCode::kIoError}, Case{EBADF, StatusCode::kIoError}}) {
    EXPECT_EQ(Status::FromErrno(c.error, "open", "/x").code(), c.code) << c.error;
  }
}

TEST(StatusTest, Errno_message_names_action_file_and_reason) {
  EXPECT_EQ(Status::FromErrno(ENOENT, "open", "/a/b").message(), "cannot open /a/b: No such file or directory");
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Status::Invalid("odd");
  return n / 2;
}
Status HalveTwice(int n, int* out) {
  EFS_ASSIGN_OR_RETURN(const int half, Half(n));
  EFS_ASSIGN_OR_RETURN(*out, Half(half));
  EFS_RETURN_IF_ERROR(Status());
  return {};
}

TEST(ResultTest, Macros_pass_values_on_and_return_failures) {
  int out = 0;
  EXPECT_TRUE(HalveTwice(12, &out).ok());
  EXPECT_EQ(out, 3);
  EXPECT_TRUE(HalveTwice(6, &out).Is(StatusCode::kInvalid));
  EXPECT_EQ(HalveTwice(3, &out).message(), "odd");
}

TEST(ResultTest, Holds_what_can_only_be_moved) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  ASSERT_TRUE(result.ok());
  const std::unique_ptr<int> value = std::move(*result);
  EXPECT_EQ(*value, 7);
}

}  // namespace
}  // namespace sqlite_efs
