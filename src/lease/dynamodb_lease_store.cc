#include "lease/dynamodb_lease_store.h"

#include <algorithm>
#include <utility>

#include "base/uuid.h"
#include "lease/dynamodb_reply.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;

// Of one call, each because the item had changed since it was last seen. The queue changes once for each waiter, which
// then has its place.
constexpr int kMaxRequests = 8;
constexpr int kMaxRequestsOfStopping = 2;
constexpr Duration kStoppingLimit = milliseconds(200);

// How long a free lease is left to whoever is the next in turn; those behind it wait as much longer for each place. One
// that is alive asks every 20 ms.
constexpr Duration kGrace = milliseconds(100);
constexpr Duration kLongestGrace = milliseconds(500);
// A tenure that others wait for is hardly shorter: to ask more often than the turn can come is of no use.
constexpr Duration kShortestTenure = milliseconds(25);
constexpr Duration kLongestPause = milliseconds(200);

bool MayReplace(const LeaseRecord& record, const Takeover& takeover) {
  if (record.expires_at_ms != 0 && record.expires_at_ms < takeover.expired_before_ms) return true;
  return record.lock_id == takeover.unchanged_lock_id && record.version == takeover.unchanged_version;
}

std::string NewTicket() { return NewUuid().substr(0, 8); }

DynamoDbCondition IfOf(const std::string& lock_id, const DynamoDbAttributes& queue) {
  DynamoDbCondition condition;
  condition.Equals("lock_id", TextValue(lock_id));
  condition.IsAsIn(queue, "queue");
  return condition;
}

}  // namespace

DynamoDbLeaseStore::DynamoDbLeaseStore(std::unique_ptr<DynamoDb> service, Clock& clock)
    : service_(std::move(service)), clock_(clock) {}

std::string DynamoDbLeaseStore::NameOf(const DynamoDb& service) {
  return "dynamodb/" + service.region() + "/" + service.table();
}

// --- requests

Result<DynamoDbLeaseStore::Answer> DynamoDbLeaseStore::Ask(const char* action, const std::string& body,
                                                           Instant deadline, std::string_view known) {
  const Result<DynamoDbReply> reply = service_->Call(action, body, deadline - clock_.Now());
  answered_ = reply.ok();
  if (!reply.ok()) return reply.status();
  Answer answer;
  answer.done = !reply->refused;
  if (reply->refused) {
    EFS_RETURN_IF_ERROR(SeeRefusal(reply->body));
  } else if (!known.empty() && reply->body.find(known) != std::string::npos) {
    answer.as_known = true;
  } else {
    EFS_ASSIGN_OR_RETURN(answer.replaced, ParseReply(reply->body, "Attributes"));
  }
  return answer;
}

Result<DynamoDbLeaseStore::Answer> DynamoDbLeaseStore::Put(DynamoDbItem item, const DynamoDbCondition& condition,
                                                           Instant deadline, std::string_view known) {
  EFS_ASSIGN_OR_RETURN(Answer answer,
                       Ask("PutItem", PutRequest(service_->table(), item.attributes, condition), deadline, known));
  if (answer.done) See(std::move(item));
  return answer;
}

// Who waits mostly sees the same again, which need not be understood anew.
Status DynamoDbLeaseStore::SeeRefusal(const std::string& body) {
  if (known_ && body == refusal_) return {};
  EFS_ASSIGN_OR_RETURN(std::optional<DynamoDbItem> item, ParseReply(body, "Item"));
  See(std::move(item));
  refusal_ = body;
  return {};
}

void DynamoDbLeaseStore::See(std::optional<DynamoDbItem> item) {
  const bool same = known_ && item_ && item && item_->record.lock_id.empty() && item_->past == item->past &&
                    item_->record.version == item->record.version;
  if (item && item->record.lock_id.empty() && !same) free_since_ = clock_.Now();
  item_ = std::move(item);
  refusal_.clear();
  known_ = true;
}

const DynamoDbAttributes& DynamoDbLeaseStore::seen() const {
  static const auto* none = new DynamoDbAttributes;
  return item_ ? item_->attributes : *none;
}

// --- taking it

Result<AcquireReply> DynamoDbLeaseStore::TryAcquire(const LeaseRecord& wanted, const Takeover& takeover,
                                                    Duration limit) {
  if (wanted.lock_id != lock_id_) BeginWaiting(wanted);
  const Attempt attempt = {wanted, takeover, clock_.Now() + limit};
  Step step = FirstStep(attempt);
  for (int i = 0; i < kMaxRequests; i++) {
    EFS_ASSIGN_OR_RETURN(Answer answer, Do(step, attempt));
    if (answer.done && step != Step::kQueue) return Taken(std::move(answer.replaced));
    const std::optional<Step> next = answer.done ? std::nullopt : NextStep(attempt);
    if (!next) break;
    step = *next;
  }
  return Refused();
}

void DynamoDbLeaseStore::BeginWaiting(const LeaseRecord& wanted) {
  lock_id_ = wanted.lock_id;
  ticket_.clear();
  known_ = held_ = false;
  item_.reset();
  past_.clear();
}

// What was seen may be out of date, which the condition tells.
DynamoDbLeaseStore::Step DynamoDbLeaseStore::FirstStep(const Attempt& attempt) const {
  if (!known_) return Step::kTakeUnseen;
  if (const std::optional<Step> step = NextStep(attempt)) return *step;
  return Refused().next ? Step::kTakeUnseen : Step::kLook;
}

// What can be done about the item as it was seen; nothing: to wait.
std::optional<DynamoDbLeaseStore::Step> DynamoDbLeaseStore::NextStep(const Attempt& attempt) const {
  if (!item_) return Step::kTake;
  const LeaseRecord& record = item_->record;
  if (record.lock_id == attempt.wanted.lock_id) return std::nullopt;
  const bool may_take = record.lock_id.empty() ? UntilTurn() <= Duration::zero() : MayReplace(record, attempt.takeover);
  if (may_take) return Step::kTake;
  if (attempt.takeover.is_last_attempt) return std::nullopt;
  if (!item_->queue.Has(ticket_) && !item_->queue.full()) return Step::kQueue;
  return std::nullopt;
}

Result<DynamoDbLeaseStore::Answer> DynamoDbLeaseStore::Do(Step step, const Attempt& attempt) {
  LeaseQueue queue = item_ ? item_->queue : LeaseQueue();
  if (step == Step::kQueue) {
    DynamoDbItem item = *item_;
    if (ticket_.empty()) ticket_ = NewTicket();
    queue.Append(ticket_);
    item.SetQueue(queue);
    return Put(std::move(item), IfUnchanged(seen()), attempt.deadline);
  }
  if (step == Step::kLook) return Put(*item_, DynamoDbCondition::Never(), attempt.deadline);
  // Who takes the lease from one that died has not waited for its turn: those before it keep theirs.
  const bool from_holder = step == Step::kTake && item_ && !item_->record.lock_id.empty();
  if (from_holder) {
    queue.Remove(ticket_);
  } else {
    queue.Serve(ticket_);
  }
  DynamoDbItem held = HeldItem(attempt.wanted, queue);
  if (step == Step::kTake) return Put(std::move(held), IfUnchanged(seen()), attempt.deadline);
  // Each tenure is written to the front of the past by its end: if ours still stands there, nobody had the lease since.
  const std::string past = left_ ? '"' + left_->past + '"' : "";
  EFS_ASSIGN_OR_RETURN(Answer answer,
                       Put(std::move(held), IfFree(attempt.wanted.lock_id, seen()), attempt.deadline, past));
  if (answer.as_known) answer.replaced = std::exchange(left_, std::nullopt);
  return answer;
}

AcquireReply DynamoDbLeaseStore::Taken(std::optional<DynamoDbItem> replaced) {
  AcquireReply reply;
  reply.acquired = true;
  reply.others_wait = !item_->queue.empty();
  held_ = true;
  if (!replaced) return reply;
  const std::string& last = replaced->record.lock_id;
  past_ = last.empty() ? replaced->past : AddToPast(last, replaced->past);
  reply.record = std::move(replaced->record);
  return reply;
}

AcquireReply DynamoDbLeaseStore::Refused() const {
  AcquireReply reply;
  if (!item_) return reply;
  reply.record = item_->record;
  const size_t ahead = item_->queue.Ahead(ticket_);
  const bool is_free = item_->record.lock_id.empty();
  reply.next = !is_free && ahead == 0 && item_->queue.Has(ticket_);
  reply.turn_in = std::min<Duration>(static_cast<int64_t>(ahead) * kShortestTenure, kLongestPause);
  if (is_free) reply.turn_in = std::min(reply.turn_in, UntilTurn());
  return reply;
}

// Of a lease that is free: how long it is still left to those before us.
Duration DynamoDbLeaseStore::UntilTurn() const {
  const auto ahead = static_cast<int64_t>(item_->queue.Ahead(ticket_));
  return std::min<Duration>(ahead * kGrace, kLongestGrace) - (clock_.Now() - free_since_);
}

// A ticket that cannot be taken back is passed when its turn comes.
void DynamoDbLeaseStore::StopWaiting() {
  const Instant deadline = clock_.Now() + kStoppingLimit;
  for (int i = 0; i < kMaxRequestsOfStopping && answered_; i++) {
    if (!item_ || !item_->queue.Has(ticket_)) break;
    DynamoDbItem item = *item_;
    LeaseQueue queue = item.queue;
    queue.Remove(ticket_);
    item.SetQueue(queue);
    (void)Put(std::move(item), IfUnchanged(seen()), deadline);
  }
}

// --- keeping it, giving it back

Result<bool> DynamoDbLeaseStore::Renew(const LeaseRecord& renewed, Duration limit) {
  const Instant deadline = clock_.Now() + limit;
  for (int i = 0; i < kMaxRequests; i++) {
    DynamoDbItem item = HeldItem(renewed, item_ ? item_->queue : LeaseQueue());
    EFS_ASSIGN_OR_RETURN(const Answer answer, Put(std::move(item), IfHeld(renewed, seen()), deadline, renewed.lock_id));
    if (answer.done) return true;
    if (!item_ || item_->record.lock_id != renewed.lock_id || item_->record.version > renewed.version) return false;
  }
  return Status(StatusCode::kUnavailable, "the lease in " + name() + " cannot be renewed: its queue keeps changing");
}

Status DynamoDbLeaseStore::Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration limit) {
  const Instant deadline = clock_.Now() + limit;
  for (int i = 0; i < kMaxRequests; i++) {
    const LeaseQueue queue = item_ ? item_->queue : LeaseQueue();
    const DynamoDbCondition condition = IfOf(mine.lock_id, seen());
    // Of an attempt that never was a tenure nothing need be kept.
    const bool nothing_to_tell = !clean && !held_ && queue.empty();
    const Result<Answer> answer =
        nothing_to_tell
            ? Ask("DeleteItem", DeleteRequest(service_->table(), mine.database_id, condition), deadline, mine.lock_id)
            : Put(ReleasedItem(mine, clean, past_, queue), condition, deadline, mine.lock_id);
    if (!answer.ok()) return answer.status();
    if (answer->done) {
      if (!nothing_to_tell) left_ = std::exchange(item_, std::nullopt);
      return {};
    }
    if (!item_ || item_->record.lock_id != mine.lock_id) return {};
  }
  return {StatusCode::kUnavailable, "the lease in " + name() + " cannot be given back: its queue keeps changing"};
}

Status DynamoDbLeaseStore::Discard(const LeaseRecord& mine, Duration limit) {
  held_ = false;
  return Release(mine, std::nullopt, limit);
}

}  // namespace sqlite_efs
