#include "lease/dynamodb_observer.h"

#include <utility>

#include "lease/dynamodb_lease_store.h"
#include "lease/dynamodb_reply.h"
#include "lease/dynamodb_retry.h"

namespace sqlite_efs {
namespace {

constexpr int kMaxTries = 20;  // as the item changes

}  // namespace

DynamoDbObserver::DynamoDbObserver(std::unique_ptr<DynamoDb> service, Clock& clock)
    : service_(std::move(service)), clock_(clock) {}

std::string DynamoDbObserver::name() const { return DynamoDbLeaseStore::NameOf(*service_); }

Result<DynamoDbObserver::Answer> DynamoDbObserver::Put(const DynamoDbAttributes& item,
                                                       const DynamoDbCondition& condition, Instant deadline) {
  const std::string body = PutRequest(service_->table(), item, condition);
  EFS_ASSIGN_OR_RETURN(const DynamoDbReply reply, CallUntilAnswered(*service_, clock_, "PutItem", body, deadline));
  Answer answer = {!reply.refused, std::nullopt};
  EFS_ASSIGN_OR_RETURN(answer.item, ParseReply(reply.body, reply.refused ? "Item" : "Attributes"));
  return answer;
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
