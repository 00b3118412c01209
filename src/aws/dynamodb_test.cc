#include "aws/dynamodb.h"

#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <deque>

#include "testing/manual_clock.h"

namespace sqlite_efs {
namespace {

using std::chrono::seconds;
using testing::ManualClock;

// Answers what is to be answered, in that order, and keeps what it was asked.
class ScriptedHttp final : public HttpClient {
 public:
  ScriptedHttp(std::deque<HttpResponse>& answers, std::vector<HttpRequest>& asked) : answers_(answers), asked_(asked) {}
  Result<HttpResponse> Send(const HttpRequest& request, Duration) override {
    asked_.push_back(request);
    if (answers_.empty()) return Status(StatusCode::kUnavailable, "no answer");
    const HttpResponse answer = answers_.front();
    answers_.pop_front();
    return answer;
  }

 private:
  std::deque<HttpResponse>& answers_;
  std::vector<HttpRequest>& asked_;
};

// Has other credentials after each refusal, as often as there are any.
class CountedCredentials final : public CredentialsProvider {
 public:
  explicit CountedCredentials(int count) : count_(count) {}
  Result<Credentials> Get(Duration) override {
    return Credentials{"key" + std::to_string(number_), "SECRET", "", std::nullopt};
  }
  void Refused(const Credentials&) override { number_ = std::min(number_ + 1, count_); }

 private:
  const int count_;
  int number_ = 1;
};

class DynamoDbTest : public ::testing::Test {
 protected:
  Result<DynamoDbReply> Call(int credentials = 1) {
    const auto access = std::make_shared<AwsAccess>([&]() -> Result<AwsParts> {
      AwsParts parts;
      parts.config.region = "eu-west-1";
      parts.config.dynamodb_url = "https://dynamodb.eu-west-1.amazonaws.com/";
      parts.http = std::make_unique<ScriptedHttp>(answers_, asked_);
      parts.credentials = std::make_unique<CountedCredentials>(credentials);
      return parts;
    });
    return DynamoDb(access, "locks", clock_).Call("PutItem", "{}", seconds(1));
  }
  static std::string HttpDate(int64_t seconds) {
    const std::time_t time = seconds;
    std::tm parts = {};
    std::array<char, 40> text = {};
    (void)std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", ::gmtime_r(&time, &parts));
    return text.data();
  }
  static HttpResponse Done() { return {200, {{"x-amzn-RequestId", "ABC"}, {"x-amz-crc32", "1"}}, "{}"}; }
  static HttpResponse Error(const std::string& code) { return {400, {}, R"({"__type":"x#)" + code + R"("})"}; }

  ManualClock clock_;
  std::deque<HttpResponse> answers_;
  std::vector<HttpRequest> asked_;
};

TEST_F(DynamoDbTest, Sends_a_signed_request) {
  answers_ = {Done()};
  const Result<DynamoDbReply> reply = Call();
  ASSERT_TRUE(reply.ok()) << reply.status().message();
  EXPECT_FALSE(reply->refused);
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].url, "https://dynamodb.eu-west-1.amazonaws.com/");
  EXPECT_EQ(asked_[0].sign_with->service, "dynamodb");
  EXPECT_EQ(asked_[0].sign_with->region, "eu-west-1");
  EXPECT_EQ(asked_[0].headers[1].value, "DynamoDB_20120810.PutItem");
}

TEST_F(DynamoDbTest, Believes_the_success_of_DynamoDB_alone) {
  answers_ = {{200, {{"X-Amz-Crc32", "1"}, {"X-Amzn-Requestid", "ABC"}}, "{}"}};
  EXPECT_TRUE(Call().ok());
  for (const char* header : {"Server", "x-amzn-RequestId", "x-amz-crc32"}) {
    answers_ = {{200, {{header, "1"}, {"Content-Type", "application/x-amz-json-1.0"}}, "{}"}};
    const Status status = Call().status();
    EXPECT_TRUE(status.Is(StatusCode::kUnavailable)) << header;
    EXPECT_NE(status.message().find("check the endpoint https://dynamodb.eu-west-1"), std::string::npos);
  }
}

TEST_F(DynamoDbTest, A_condition_that_does_not_hold_is_an_answer) {
  answers_ = {Error("ConditionalCheckFailedException")};
  const Result<DynamoDbReply> reply = Call();
  ASSERT_TRUE(reply.ok());
  EXPECT_TRUE(reply->refused);
}

TEST_F(DynamoDbTest, Refused_credentials_are_replaced_once) {
  answers_ = {Error("ExpiredTokenException"), Done()};
  EXPECT_TRUE(Call(2).ok());
  ASSERT_EQ(asked_.size(), 2U);
  EXPECT_EQ(asked_[1].sign_with->credentials.access_key_id, "key2");
  answers_ = {Error("ExpiredTokenException"), Error("ExpiredTokenException"), Done()};
  EXPECT_TRUE(Call(9).status().Is(StatusCode::kCantOpen));
}

TEST_F(DynamoDbTest, Refused_credentials_that_are_all_there_are_not_sent_again) {
  answers_ = {Error("UnrecognizedClientException"), Done()};
  const Status status = Call(1).status();
  EXPECT_TRUE(status.Is(StatusCode::kCantOpen));
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_EQ(status.message().find("SECRET"), std::string::npos);
}

TEST_F(DynamoDbTest, A_wrong_clock_is_set_by_the_servers) {
  clock_.JumpWallTime(std::chrono::hours(-3));
  HttpResponse refused = Error("InvalidSignatureException");
  refused.body = R"({"__type":"x#InvalidSignatureException","message":"Signature expired: 1 is now earlier than 2"})";
  const int64_t servers_s = clock_.WallTime_ms() / 1000 + 3 * 3600;
  refused.headers = {{"Date", HttpDate(servers_s)}};
  answers_ = {refused, Done()};
  const Result<DynamoDbReply> reply = Call();
  ASSERT_TRUE(reply.ok()) << reply.status().message();
  ASSERT_EQ(asked_.size(), 2U);
  EXPECT_EQ(asked_[0].sign_with->at_s, servers_s - 3 * 3600);
  EXPECT_EQ(asked_[1].sign_with->at_s, servers_s);
}

TEST_F(DynamoDbTest, A_clock_that_is_refused_without_a_reason_is_told) {
  HttpResponse refused = Error("RequestTimeTooSkewed");
  for (const std::string& date : {std::string(), std::string("soon"), HttpDate(clock_.WallTime_ms() / 1000)}) {
    asked_.clear();
    refused.headers = {{"Date", date}};
    answers_ = {refused, refused};
    const Result<DynamoDbReply> reply = Call();
    EXPECT_NE(reply.status().message().find("clock"), std::string::npos) << reply.status().message();
    EXPECT_EQ(asked_.size(), 1U) << date;
  }
  // A server that refuses its own time is believed once.
  refused.headers = {{"Date", HttpDate(clock_.WallTime_ms() / 1000 + 7200)}};
  answers_ = {refused, refused, refused};
  asked_.clear();
  EXPECT_FALSE(Call().ok());
  EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(DynamoDbTest, What_cannot_be_set_up_is_told_and_tried_again) {
  int tries = 0;
  const auto access = std::make_shared<AwsAccess>(
      [&]() -> Result<AwsParts> { return Status::Invalid("no region " + std::to_string(++tries)); });
  DynamoDb service(access, "locks", clock_);
  EXPECT_EQ(service.Call("PutItem", "{}", seconds(1)).status().message(), "no region 1");
  EXPECT_EQ(service.Call("PutItem", "{}", seconds(1)).status().message(), "no region 2");
}

}  // namespace
}  // namespace sqlite_efs
