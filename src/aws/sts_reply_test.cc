#include "aws/sts_reply.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

std::string Reply(const std::string& credentials) {
  return "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
         "  <AssumeRoleWithWebIdentityResult>\n"
         "    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/x/app1</Arn></AssumedRoleUser>\n"
         "    <Credentials>" +
         credentials +
         "</Credentials>\n"
         "  </AssumeRoleWithWebIdentityResult>\n"
         "</AssumeRoleWithWebIdentityResponse>\n";
}

constexpr const char* kGood =
    "<SessionToken>t+/==</SessionToken><SecretAccessKey>s3cret</SecretAccessKey>"
    "<Expiration>2026-01-02T03:04:05Z</Expiration><AccessKeyId>ASIA1</AccessKeyId>";

TEST(StsReplyTest, Reads_credentials) {
  const Result<Credentials> credentials = ParseStsReply(Reply(kGood));
  ASSERT_TRUE(credentials.ok()) << credentials.status().message();
  EXPECT_EQ(*credentials, (Credentials{"ASIA1", "s3cret", "t+/==", 1767323045000}));
}

TEST(StsReplyTest, Refuses_all_else_and_repeats_none_of_it) {
  const std::string good = kGood;
  for (const std::string& text :
       {std::string(), std::string("s3cret"), good.substr(0, good.size() - 1), good + good,
        good + "<AccessKeyId>other</AccessKeyId>", good + "</AccessKeyId>",
        "<SessionToken>t</SessionToken><SecretAccessKey>s3cret</SecretAccessKey><AccessKeyId>A</AccessKeyId>" +
            std::string("<Expiration>never</Expiration>"),
        "<!--" + good + "--><AccessKeyId>s3cret</AccessKeyId>", std::string("<AccessKeyId></AccessKeyId>") + good,
        good.substr(0, good.find("ASIA1")) + "A&amp;B</AccessKeyId>",
        good.substr(0, good.find("ASIA1")) + "<b/></AccessKeyId>"}) {
    const Status status = ParseStsReply(Reply(text)).status();
    EXPECT_TRUE(status.Is(StatusCode::kInvalid)) << text;
    EXPECT_EQ(status.message().find("s3cret"), std::string::npos) << status.message();
  }
}

TEST(StsReplyTest, Reads_the_code_of_an_error) {
  EXPECT_EQ(ParseStsErrorCode("<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code>"
                              "<Message>Token expired: s3cret</Message></Error></ErrorResponse>"),
            "ExpiredTokenException");
  EXPECT_EQ(ParseStsErrorCode("<Code>s3cret 1</Code>"), "");
  EXPECT_EQ(ParseStsErrorCode("no"), "");
}

}  // namespace
}  // namespace sqlite_efs
