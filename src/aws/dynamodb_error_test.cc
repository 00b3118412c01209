#include "aws/dynamodb_error.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

const DynamoDbCall kCall = {"PutItem", "locks", "eu-west-1", "https://dynamodb.eu-west-1.amazonaws.com/"};

Status StatusOf(int status, const std::string& body) {
  return Explain(ParseDynamoDbError(status, body), status, kCall);
}

std::string Body(const std::string& code, const std::string& message = "SECRET") {
  return R"({"__type":"com.amazonaws.dynamodb.v20120810#)" + code + R"(","message":")" + message + R"("})";
}

TEST(DynamoDbErrorTest, Says_what_is_wrong_and_what_to_do) {
  struct Case {
    std::string code;
    StatusCode status;
    std::vector<const char*> parts;
  };
  const std::vector<Case> cases = {
      {"AccessDeniedException", StatusCode::kReadOnly, {"dynamodb:PutItem", "table locks in eu-west-1"}},
      {"ResourceNotFoundException",
       StatusCode::kCantOpen,
       {"manage.py efs_create_lock_table",
        "aws dynamodb create-table --region eu-west-1 --table-name locks --attribute-definitions "
        "AttributeName=pk,AttributeType=S --key-schema AttributeName=pk,KeyType=HASH --billing-mode PAY_PER_REQUEST"}},
      {"ValidationException", StatusCode::kCantOpen, {"its key must be the attribute pk", "create-table"}},
      {"UnrecognizedClientException", StatusCode::kCantOpen, {"the credentials are not valid in eu-west-1"}},
      {"InvalidSignatureException", StatusCode::kCantOpen, {"the credentials are not valid in eu-west-1"}},
      {"ExpiredTokenException", StatusCode::kCantOpen, {"the credentials have expired"}},
      {"MissingAuthenticationTokenException", StatusCode::kCantOpen, {"without its signature"}},
      {"RequestTimeTooSkewed", StatusCode::kCantOpen, {"this machine's clock is wrong"}},
      {"ProvisionedThroughputExceededException", StatusCode::kUnavailable, {"capacity"}},
      {"ThrottlingException", StatusCode::kUnavailable, {"locks"}},
      {"RequestLimitExceeded", StatusCode::kUnavailable, {"locks"}},
      {"InternalServerError", StatusCode::kUnavailable, {"locks"}},
      {"SomethingNew", StatusCode::kCantOpen, {"SomethingNew", "locks"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.code);
    const Status status = StatusOf(400, Body(c.code));
    EXPECT_EQ(status.code(), c.status);
    for (const char* part : c.parts) EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(c.code), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find("SECRET"), std::string::npos) << "nothing that others have written";
  }
}

TEST(DynamoDbErrorTest, A_condition_that_does_not_hold_is_no_error) {
  EXPECT_EQ(ParseDynamoDbError(400, Body("ConditionalCheckFailedException")).fault, DynamoDbFault::kConditionFailed);
}

TEST(DynamoDbErrorTest, A_signature_may_be_refused_for_its_time) {
  const std::string expired = "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z";
  EXPECT_EQ(ParseDynamoDbError(400, Body("InvalidSignatureException", expired)).fault, DynamoDbFault::kClock);
  EXPECT_EQ(ParseDynamoDbError(400, Body("InvalidSignatureException")).fault, DynamoDbFault::kCredentials);
}

TEST(DynamoDbErrorTest, What_is_no_reply_of_DynamoDB_names_the_endpoint) {
  for (const int http : {200, 301, 400, 403, 404}) {
    for (const char* body : {"", "<html>", "[]", "7", R"({"__type":7})", R"({"__type":"evil <b> text"})"}) {
      const Status status = StatusOf(http, body);
      EXPECT_TRUE(status.Is(StatusCode::kCantOpen));
      EXPECT_NE(status.message().find(kCall.url), std::string::npos) << status.message();
      EXPECT_EQ(status.message().find("evil"), std::string::npos);
    }
  }
}

TEST(DynamoDbErrorTest, A_server_in_trouble_is_asked_again) {
  for (const int http : {408, 429, 500, 502, 503, 504}) {
    EXPECT_TRUE(StatusOf(http, "<html>").Is(StatusCode::kUnavailable));
  }
}

}  // namespace
}  // namespace sqlite_efs
