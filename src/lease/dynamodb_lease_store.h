#ifndef SQLITE_EFS_LEASE_DYNAMODB_LEASE_STORE_H_
#define SQLITE_EFS_LEASE_DYNAMODB_LEASE_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "aws/dynamodb.h"
#include "lease/dynamodb_item.h"
#include "lease/dynamodb_request.h"
#include "lease/lease_store.h"

namespace sqlite_efs {

// The lease of any number of machines: an item of a DynamoDB table. Only PutItem and DeleteItem are sent; a refused
// one shows the item. A free lease is taken with one request and given back with another. Who is refused puts a ticket
// into the item, beside what its holder wrote, and is served in that order: docs/protocol.md, "The queue".
class DynamoDbLeaseStore final : public LeaseStore {
 public:
  // `service` is the store's own; `clock` must outlive it.
  DynamoDbLeaseStore(std::unique_ptr<DynamoDb> service, Clock& clock);

  static std::string NameOf(const DynamoDb& service);
  std::string name() const override { return NameOf(*service_); }
  bool expires() const override { return true; }
  Result<AcquireReply> TryAcquire(const LeaseRecord& wanted, const Takeover& takeover, Duration limit) override;
  Result<bool> Renew(const LeaseRecord& renewed, Duration limit) override;
  void StopWaiting() override;
  Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration limit) override;
  Status Discard(const LeaseRecord& mine, Duration limit) override;

 private:
  // Take the lease from the item as it was seen; take it if it is free, whatever it then is; put our ticket into the
  // item as it was seen; see it.
  enum class Step { kTake, kTakeUnseen, kQueue, kLook };

  struct Attempt {
    const LeaseRecord& wanted;
    const Takeover& takeover;
    Instant deadline;
  };

  struct Answer {
    bool done = false;                     // else the item that refused was seen
    bool as_known = false;                 // done, and the item was the one that is known
    std::optional<DynamoDbItem> replaced;  // done: else the item as it was before
  };

  void BeginWaiting(const LeaseRecord& wanted);
  Step FirstStep(const Attempt& attempt) const;
  std::optional<Step> NextStep(const Attempt& attempt) const;
  Result<Answer> Do(Step step, const Attempt& attempt);
  AcquireReply Taken(std::optional<DynamoDbItem> replaced);
  AcquireReply Refused() const;
  Duration UntilTurn() const;
  void See(std::optional<DynamoDbItem> item);
  Status SeeRefusal(const std::string& body);
  const DynamoDbAttributes& seen() const;

  // `known`: what only an item that is known has, if the request replaces that one. A reply that has it is understood
  // as far as anybody cares, and not looked at further.
  Result<Answer> Put(DynamoDbItem item, const DynamoDbCondition& condition, Instant deadline,
                     std::string_view known = "");
  Result<Answer> Ask(const char* action, const std::string& body, Instant deadline, std::string_view known);

  const std::unique_ptr<DynamoDb> service_;
  Clock& clock_;

  // Of the present wait, or tenure.
  std::string lock_id_;
  std::string ticket_;                // of ours, in the queue as seen or to be put into it; empty: none as yet
  bool known_ = false;                // whether the item was seen; if so:
  std::optional<DynamoDbItem> item_;  // nothing: there was none
  std::string refusal_;               // the reply that showed it, if it was one
  Instant free_since_;                // when it was first seen free as it is
  bool answered_ = true;              // whether the latest request was
  bool held_ = false;
  std::string past_;  // the tenures before, if held_

  std::optional<DynamoDbItem> left_;  // what was last given back, for who comes next to find
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_DYNAMODB_LEASE_STORE_H_
