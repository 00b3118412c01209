#include "lease/dynamodb_observer.h"

#include <algorithm>
#include <utility>

#include "lease/dynamodb_lease_store.h"
#include "lease/dynamodb_reply.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;

constexpr int kMaxTries = 20;  // of one request, without a reply that helps, or as the item changes
constexpr Duration kPause = milliseconds(100);
constexpr Duration kLongestRequest = milliseconds(2000);

}  // namespace

DynamoDbObserver::DynamoDbObserver(std::unique_ptr<DynamoDb> service, Clock& clock)
    : service_(std::move(service)), clock_(clock) {}

std::string DynamoDbObserver::name() const { return DynamoDbLeaseStore::NameOf(*service_); }

// Tries again until there is a reply.
Result<DynamoDbObserver::Answer> DynamoDbObserver::Put(const DynamoDbAttributes& item,
                                                       const DynamoDbCondition& condition, Instant deadline) {
  const std::string body = PutRequest(service_->table(), item, condition);
  for (int i = 1;; i++) {
    const Result<DynamoDbReply> reply =
        service_->Call("PutItem", body, std::min<Duration>(deadline - clock_.Now(), kLongestRequest));
    if (reply.ok()) {
      Answer answer = {!reply->refused, std::nullopt};
      EFS_ASSIGN_OR_RETURN(answer.item, ParseReply(reply->body, reply->refused ? "Item" : "Attributes"));
      return answer;
    }
    if (!reply.status().Is(StatusCode::kUnavailable) || i == kMaxTries) return reply.status();
    clock_.Sleep(std::min<Duration>(kPause, deadline - clock_.Now()));
    if (clock_.Now() >= deadline) return reply.status();
  }
}

Result<std::optional<DynamoDbItem>> DynamoDbObserver::Look(const std::string& database_id, Duration limit) {
  EFS_ASSIGN_OR_RETURN(Answer answer,
                       Put({{"pk", TextValue(database_id)}}, DynamoDbCondition::Never(), clock_.Now() + limit));
  if (answer.done)
    return Status(StatusCode::kUnavailable, name() + " is not DynamoDB: it has carried out what cannot be");
  return std::move(answer.item);
}

// A request whose reply was lost may have been carried out: the next one is refused then, by an item that is free.
Result<bool> DynamoDbObserver::End(const DynamoDbItem& seen, Duration limit) {
  const Instant deadline = clock_.Now() + limit;
  const std::string& lock_id = seen.record.lock_id;
  std::optional<DynamoDbItem> item = seen;
  for (int i = 0; i < kMaxTries && item && item->record.lock_id == lock_id; i++) {
    const DynamoDbItem ended = ReleasedItem(item->record, std::nullopt, item->past, item->queue);
    EFS_ASSIGN_OR_RETURN(Answer answer, Put(ended.attributes, IfUnchanged(item->attributes), deadline));
    if (answer.done) return true;
    item = std::move(answer.item);
  }
  if (item && item->record.lock_id == lock_id) {
    return Status(StatusCode::kUnavailable, "the lease in " + name() + " cannot be ended: its item keeps changing");
  }
  return item && item->past.starts_with(InPast(lock_id)) && !item->record.released;
}

}  // namespace sqlite_efs
