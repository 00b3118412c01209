#include "lease/former_lock.h"

#include <utility>

#include "base/uuid.h"
#include "lease/dynamodb_reply.h"
#include "lease/dynamodb_retry.h"
#include "lease/lease_text.h"

namespace sqlite_efs {

FormerLock::FormerLock(std::unique_ptr<DynamoDb> service, Clock& clock, const std::string& name)
    : service_(std::move(service)), clock_(clock), pk_("database#" + name), lock_id_(NewUuid()) {}

Result<FormerLock::Answer> FormerLock::Ask(const char* action, const std::string& body, Duration limit) {
  EFS_ASSIGN_OR_RETURN(const DynamoDbReply reply,
                       CallUntilAnswered(*service_, clock_, action, body, clock_.Now() + limit));
  EFS_ASSIGN_OR_RETURN(const std::optional<DynamoDbItem> item,
                       ParseReply(reply.body, reply.refused ? "Item" : "Attributes"));
  Answer answer = {!reply.refused, item.has_value(), false, ""};
  if (item) answer.ours = item->record.lock_id == lock_id_;
  if (item) answer.holder = item->record.holder;
  return answer;
}

DynamoDbCondition FormerLock::IfOurs() const {
  DynamoDbCondition condition;
  condition.Equals("lock_id", TextValue(lock_id_));
  return condition;
}

Status FormerLock::Put(DynamoDbAttributes item, const DynamoDbCondition& condition, Duration limit) {
  item["pk"] = TextValue(pk_);
  item["lock_id"] = TextValue(lock_id_);
  item["holder"] = TextValue(DescribeThisProcess());
  EFS_ASSIGN_OR_RETURN(const Answer answer, Ask("PutItem", PutRequest(service_->table(), item, condition), limit));
  // Refused by our own item: an earlier try was carried out, and its reply was lost.
  if (answer.done || answer.ours) return {};
  if (!answer.holder.empty()) return Status::Busy("that is being done by " + answer.holder + "; try again");
  return Status::Busy("django-sqlite-efs 0.1 holds its lock, the item " + pk_ + " of the DynamoDB table " +
                      service_->table() + "; it is given back, or expires by SQLITE_LOCK_EXPIRATION: try again");
}

Status FormerLock::Take(Duration expiration, Duration limit) {
  const int64_t now_s = clock_.WallTime_ms() / 1000;
  DynamoDbCondition free;
  free.IsAbsentOrAtMost("expires_at", NumberValue(now_s));
  free.DoesNotContain("lock_id", TextValue(lock_id_));  // late or twice, it must not undo Keep()
  return Put({{"expires_at", NumberValue(now_s + 1 + expiration / std::chrono::seconds(1))}}, free, limit);
}

Status FormerLock::Keep(Duration limit) { return Put({}, IfOurs(), limit); }

Status FormerLock::GiveBack(Duration limit) {
  return Ask("DeleteItem", DeleteRequest(service_->table(), pk_, IfOurs()), limit).status();
}

Result<bool> FormerLock::Remove(Duration limit) {
  DynamoDbCondition kept;
  kept.IsAbsent("expires_at");
  EFS_ASSIGN_OR_RETURN(const Answer answer, Ask("DeleteItem", DeleteRequest(service_->table(), pk_, kept), limit));
  return answer.done && answer.found;
}

}  // namespace sqlite_efs
