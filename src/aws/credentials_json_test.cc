#include "aws/credentials_json.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

TEST(CredentialsJsonTest, Reads_what_the_endpoints_write) {
  const Result<Credentials> credentials = ParseCredentialsJson(
      R"({"Code": "Success", "Type": "AWS-HMAC", "RoleArn": "arn:aws:iam::1:role/x", "AccessKeyId": "ASIA1",)"
      R"( "SecretAccessKey": "a/b+c", "Token": "t==", "Expiration": "2026-01-02T03:04:05Z"})");
  ASSERT_TRUE(credentials.ok()) << credentials.status().message();
  EXPECT_EQ(*credentials, (Credentials{"ASIA1", "a/b+c", "t==", 1767323045000}));
}

TEST(CredentialsJsonTest, Refuses_all_else_and_repeats_none_of_it) {
  for (const char* text :
       {"", "null", "[]", "s3cret", "{\"AccessKeyId\": \"s3cret\"", "{}", R"({"AccessKeyId": "s3cret"})",
        R"({"AccessKeyId": 1, "SecretAccessKey": "s3cret", "Token": "t", "Expiration": "2026-01-02T03:04:05Z"})",
        R"({"AccessKeyId": "", "SecretAccessKey": "s3cret", "Token": "t", "Expiration": "2026-01-02T03:04:05Z"})",
        R"({"AccessKeyId": "a", "SecretAccessKey": "s3cret", "Token": "t", "Expiration": "tomorrow"})",
        R"({"AccessKeyId": "a", "SecretAccessKey": "s3cret", "Token": "t"})",
        R"({"Code": "s3cret code with spaces"})"}) {
    const Status status = ParseCredentialsJson(text).status();
    EXPECT_TRUE(status.Is(StatusCode::kInvalid)) << text;
    EXPECT_EQ(status.message().find("s3cret"), std::string::npos) << status.message();
  }
}

TEST(CredentialsJsonTest, Tells_the_endpoints_error) {
  for (const char* text : {R"({"Code": "AssumeRoleUnauthorizedAccess", "Message": "s3cret"})",
                           R"({"code": "AssumeRoleUnauthorizedAccess", "message": "s3cret"})"}) {
    const Status status = ParseCredentialsJson(text).status();
    EXPECT_NE(status.message().find("AssumeRoleUnauthorizedAccess"), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find("s3cret"), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace sqlite_efs
