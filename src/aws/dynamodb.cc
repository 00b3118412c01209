#include "aws/dynamodb.h"

#include <utility>

#include "aws/dynamodb_error.h"

namespace sqlite_efs {
namespace {

constexpr int kOk = 200;
constexpr int kMaxTries = 2;  // with other credentials

HttpRequest Request(const AwsConfig& config, const Credentials& credentials, const std::string& action,
                    const std::string& body) {
  HttpRequest request;
  request.method = "POST";
  request.url = config.dynamodb_url;
  request.headers = {{"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", "DynamoDB_20120810." + action}};
  request.body = body;
  request.sign_with = Signature{credentials, config.region, "dynamodb"};
  return request;
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
  Credentials refused;
  Status failure;
  for (int i = 0; i < kMaxTries; i++) {
    EFS_ASSIGN_OR_RETURN(const Credentials credentials, parts->credentials->Get(deadline - clock_.Now()));
    if (i > 0 && credentials == refused) break;
    const HttpRequest request = Request(parts->config, credentials, action, body);
    EFS_ASSIGN_OR_RETURN(const HttpResponse response, parts->http->Send(request, deadline - clock_.Now()));
    if (response.status == kOk) return DynamoDbReply{false, response.body};
    const DynamoDbError error = ParseDynamoDbError(response.status, response.body);
    if (error.fault == DynamoDbFault::kConditionFailed) return DynamoDbReply{true, response.body};
    failure = Explain(error, response.status, {action, table_, parts->config.region, parts->config.dynamodb_url});
    if (error.fault != DynamoDbFault::kCredentials) break;
    parts->credentials->Refused(credentials);
    refused = credentials;
  }
  return failure;
}

}  // namespace sqlite_efs
