#include "aws/dynamodb_error.h"

#include <array>
#include <nlohmann/json.hpp>

#include "aws/error_code.h"

namespace sqlite_efs {
namespace {

using nlohmann::json;

constexpr size_t kMaxBody_bytes = 500'000;

constexpr std::string_view kRefusal = R"({"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException")";

constexpr int kTimeout = 408;
constexpr int kTooMany = 429;
constexpr int kServerError = 500;

struct Known {
  std::string_view code;
  DynamoDbFault fault;
};

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
constexpr std::array kKnown = {
    Known{"ConditionalCheckFailedException", DynamoDbFault::kConditionFailed},
    Known{"UnrecognizedClientException", DynamoDbFault::kCredentials},
    Known{"InvalidClientTokenId", DynamoDbFault::kCredentials},
    Known{"InvalidSignatureException", DynamoDbFault::kCredentials},
    Known{"IncompleteSignatureException", DynamoDbFault::kCredentials},
    Known{"IncompleteSignature", DynamoDbFault::kCredentials},
    Known{"MissingAuthenticationTokenException", DynamoDbFault::kCredentials},
    Known{"MissingAuthenticationToken", DynamoDbFault::kCredentials},
    Known{"ExpiredTokenException", DynamoDbFault::kCredentials},
    Known{"ExpiredToken", DynamoDbFault::kCredentials},
    Known{"RequestTimeTooSkewed", DynamoDbFault::kClock},
    Known{"RequestExpired", DynamoDbFault::kClock},
    Known{"ProvisionedThroughputExceededException", DynamoDbFault::kTransient},
    Known{"ThrottlingException", DynamoDbFault::kTransient},
    Known{"Throttling", DynamoDbFault::kTransient},
    Known{"RequestLimitExceeded", DynamoDbFault::kTransient},
    Known{"TransactionConflictException", DynamoDbFault::kTransient},
    Known{"ReplicatedWriteConflictException", DynamoDbFault::kTransient},
    Known{"LimitExceededException", DynamoDbFault::kTransient},
    Known{"InternalServerError", DynamoDbFault::kTransient},
    Known{"InternalFailure", DynamoDbFault::kTransient},
    Known{"ServiceUnavailable", DynamoDbFault::kTransient},
};

std::string TextOf(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// "com.amazonaws.dynamodb.v20120810#AccessDeniedException" without what comes before; nothing if it is no code.
std::string CodeIn(const json& reply) {
  std::string type = TextOf(reply, "__type");
  if (type.empty()) type = TextOf(reply, "code");
  type.erase(0, type.rfind('#') + 1);
  return PrintableCode(type);
}

// "Signature expired: ..." and "Signature not yet current: ..." compare the request's time with the service's.
bool SpeaksOfTime(const json& reply) {
  const std::string message = TextOf(reply, "message") + TextOf(reply, "Message");
  return message.starts_with("Signature expired") || message.starts_with("Signature not yet current");
}

bool IsTransient(int status) { return status == kTimeout || status == kTooMany || status >= kServerError; }

std::string CreateTable(const DynamoDbCall& call) {
  // A table in another account is named by its ARN, which ends with the name.
  const std::string name = call.table.substr(call.table.rfind('/') + 1);
  return "aws dynamodb create-table --region " + call.region + " --table-name " + name +
         " --attribute-definitions AttributeName=pk,AttributeType=S --key-schema AttributeName=pk,KeyType=HASH"
         " --billing-mode PAY_PER_REQUEST";
}

std::string MeaningOf(const std::string& code, const DynamoDbCall& call) {
  const std::string of_table = " of the table " + call.table + " in " + call.region;
  if (code == "AccessDeniedException") {
    return "the credentials do not permit dynamodb:" + call.action + of_table +
           "; allow dynamodb:PutItem and dynamodb:DeleteItem on it, nothing else is needed";
  }
  if (code == "ResourceNotFoundException") {
    return "there is no table " + call.table + " in " + call.region +
           "; name another one, or make it: manage.py efs_create_lock_table (Django), or " + CreateTable(call);
  }
  if (code == "ValidationException") {
    return "the table " + call.table + " in " + call.region +
           " does not take the lease's items: its key must be the attribute pk, a string, without a sort key; make "
           "another one: " +
           CreateTable(call);
  }
  if (code == "ExpiredTokenException" || code == "ExpiredToken") {
    return "the credentials have expired; renew them where they come from";
  }
  if (code == "MissingAuthenticationTokenException" || code == "MissingAuthenticationToken") {
    return "the request arrived without its signature; look for a proxy that takes headers away";
  }
  return "";
}

}  // namespace

DynamoDbError ParseDynamoDbError(int status, std::string_view body) {
  DynamoDbError error;
  // By far the most frequent one: whoever waits for a lease gets it every few milliseconds.
  if (body.starts_with(kRefusal)) return {DynamoDbFault::kConditionFailed, "ConditionalCheckFailedException"};
  const json reply = body.size() <= kMaxBody_bytes ? json::parse(body, nullptr, /*allow_exceptions=*/false) : json();
  if (reply.is_object()) error.code = CodeIn(reply);
  error.fault = IsTransient(status) ? DynamoDbFault::kTransient : DynamoDbFault::kPermanent;
  for (const Known& known : kKnown) {
    if (error.code == known.code) error.fault = known.fault;
  }
  if (error.fault == DynamoDbFault::kCredentials && SpeaksOfTime(reply)) error.fault = DynamoDbFault::kClock;
  return error;
}

Status Explain(const DynamoDbError& error, int status, const DynamoDbCall& call) {
  const std::string answered = "DynamoDB answered a " + call.action + " with " +
                               (error.code.empty() ? "the HTTP status " + std::to_string(status) : error.code) + ": ";
  switch (error.fault) {
    case DynamoDbFault::kConditionFailed:
      return {};
    case DynamoDbFault::kTransient:
      return {StatusCode::kUnavailable, answered + "the table " + call.table + " in " + call.region +
                                            " cannot be written at this moment; if that goes on, raise its capacity"};
    case DynamoDbFault::kClock:
      return Status::CantOpen(answered + "this machine's clock is wrong, and with it the request's signature; set it");
    case DynamoDbFault::kCredentials:
    case DynamoDbFault::kPermanent:
      break;
  }
  std::string meaning = MeaningOf(error.code, call);
  if (meaning.empty() && error.fault == DynamoDbFault::kCredentials) {
    meaning = "the credentials are not valid in " + call.region + "; check the access key, its secret and its token";
  }
  if (meaning.empty() && error.code.empty()) meaning = "that is no reply of DynamoDB's; check the endpoint " + call.url;
  if (meaning.empty()) meaning = "the table " + call.table + " in " + call.region + " cannot be used as it is";
  return error.code == "AccessDeniedException" ? Status::ReadOnly(answered + meaning)
                                               : Status::CantOpen(answered + meaning);
}

}  // namespace sqlite_efs
