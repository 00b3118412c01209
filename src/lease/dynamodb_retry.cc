#include "lease/dynamodb_retry.h"

#include <algorithm>

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;

constexpr int kMaxTries = 20;
constexpr Duration kPause = milliseconds(100);
constexpr Duration kLongestRequest = milliseconds(2000);

}  // namespace

Result<DynamoDbReply> CallUntilAnswered(DynamoDb& service, Clock& clock, const std::string& action,
                                        const std::string& body, Instant deadline) {
  for (int i = 1;; i++) {
    Result<DynamoDbReply> reply =
        service.Call(action, body, std::min<Duration>(deadline - clock.Now(), kLongestRequest));
    if (reply.ok() || !reply.status().Is(StatusCode::kUnavailable) || i == kMaxTries) return reply;
    clock.Sleep(std::min<Duration>(kPause, deadline - clock.Now()));
    if (clock.Now() >= deadline) return reply;
  }
}

}  // namespace sqlite_efs
