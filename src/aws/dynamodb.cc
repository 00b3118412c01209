#include "aws/dynamodb.h"

#include <cstdlib>
#include <utility>

#include "aws/dynamodb_error.h"
#include "aws/timestamp.h"

namespace sqlite_efs {
namespace {

constexpr int kOk = 200;
constexpr int64_t kMillisecondsInSecond = 1000;
constexpr int kMaxTries = 3;  // with other credentials, and at the server's time
// AWS refuses what is five minutes off.
constexpr int64_t kClocksDiffer_s = 60;

HttpRequest Request(const AwsConfig& config, const Credentials& credentials, int64_t now_s, const std::string& action,
                    const std::string& body) {
  HttpRequest request;
  request.method = "POST";
  request.url = config.dynamodb_url;
  request.headers = {{"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", "DynamoDB_20120810." + action}};
  request.body = body;
  request.host_origin = config.dynamodb_host_origin;
  request.sign_with = Signature{credentials, config.region, "dynamodb", now_s};
  return request;
}

// Whether it can be DynamoDB that has answered so, or a stand-in for it. What answers anything with success, such as
// the sign-in page of a network, must not be taken for its consent. API Gateway and others send the first header, too.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
bool IsOfDynamoDb(const HttpResponse& response) {
  return response.FindHeader("x-amzn-RequestId") != nullptr && response.FindHeader("x-amz-crc32") != nullptr;
}

Status NotOfDynamoDb(const std::string& action, const std::string& url) {
  return {StatusCode::kUnavailable, "a " + action +
                                        " was answered with success, but without the headers of DynamoDB's "
                                        "replies: that is something else; check the endpoint " +
                                        url};
}

}  // namespace

DynamoDb::DynamoDb(std::shared_ptr<AwsAccess> access, std::string table, Clock& clock)
    : access_(std::move(access)), table_(std::move(table)), clock_(clock) {}

std::string DynamoDb::region() const {
  const AwsParts* parts = access_->opened();
  return parts == nullptr ? "" : parts->config.region;
}

Result<DynamoDbReply> DynamoDb::Call(const std::string& action, const std::string& body, Duration limit) {
  const Instant deadline = clock_.Now() + limit;
  EFS_ASSIGN_OR_RETURN(const AwsParts* parts, access_->Open());
  std::optional<Credentials> refused;
  bool learnt = false;
  Status failure;
  for (int i = 0; i < kMaxTries; i++) {
    EFS_ASSIGN_OR_RETURN(const Credentials credentials, parts->credentials->Get(deadline - clock_.Now()));
    if (credentials == refused) break;
    const int64_t now_s = clock_.WallTime_ms() / kMillisecondsInSecond + access_->clock_ahead_s;
    const HttpRequest request = Request(parts->config, credentials, now_s, action, body);
    EFS_ASSIGN_OR_RETURN(const HttpResponse response, parts->http->Send(request, deadline - clock_.Now()));
    if (response.status == kOk && !IsOfDynamoDb(response)) return NotOfDynamoDb(action, request.url);
    if (response.status == kOk) return DynamoDbReply{false, response.body};
    const DynamoDbError error = ParseDynamoDbError(response.status, response.body);
    if (error.fault == DynamoDbFault::kConditionFailed) return DynamoDbReply{true, response.body};
    failure = Explain(error, response.status, {action, table_, parts->config.region, parts->config.dynamodb_url});
    if (error.fault == DynamoDbFault::kClock && !learnt && LearnTime(response, now_s)) {
      learnt = true;
    } else if (error.fault == DynamoDbFault::kCredentials && !refused) {
      parts->credentials->Refused(credentials);
      refused = credentials;
    } else {
      break;
    }
  }
  return failure;
}

// Whether the reply tells a time other than that of the request, which it refused.
bool DynamoDb::LearnTime(const HttpResponse& response, int64_t request_s) {
  const std::string* date = response.FindHeader("Date");
  const std::optional<int64_t> server_s = date == nullptr ? std::nullopt : ParseHttpDate_s(*date);
  if (!server_s || std::abs(*server_s - request_s) < kClocksDiffer_s) return false;
  access_->clock_ahead_s = *server_s - clock_.WallTime_ms() / kMillisecondsInSecond;
  return true;
}

}  // namespace sqlite_efs
