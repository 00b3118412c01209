#ifndef SQLITE_EFS_LEASE_FORMER_LOCK_H_
#define SQLITE_EFS_LEASE_FORMER_LOCK_H_

#include <memory>
#include <string>

#include "aws/dynamodb.h"
#include "lease/dynamodb_request.h"

namespace sqlite_efs {

// The lock of django-sqlite-efs 0.1, a package written in Python, on a database: the item `database#NAME`, where NAME
// is spelt as its settings have it. That package writes only while the item has its lock_id, and puts it there if the
// item is absent or its expires_at has passed. So an item without expires_at keeps it out for good, and tells ours from
// one of its own. One thread at a time.
class FormerLock {
 public:
  // `clock` must outlive it.
  FormerLock(std::unique_ptr<DynamoDb> service, Clock& clock, const std::string& name);

  // Takes the lock for `expiration`, or an item that keeps the package out: one attempt. kBusy while the package has
  // it, or somebody else who is about to keep it.
  Status Take(Duration expiration, Duration limit);
  // Makes what was taken last for good. kBusy if it has expired, and the package has it: then it was not taken.
  Status Keep(Duration limit);
  // Gives back what was taken, kept or not. What is another's is left alone.
  Status GiveBack(Duration limit);

  // Removes the item if it keeps the package out for good; whether there was one. Nothing need have been taken.
  Result<bool> Remove(Duration limit);

 private:
  struct Answer {
    bool done = false;
    bool found = false;  // an item: the one that was replaced, or that refused
    bool ours = false;   // that item is this object's
    std::string holder;  // of that item, for people; the package itself puts none there
  };
  Result<Answer> Ask(const char* action, const std::string& body, Duration limit);
  Status Put(DynamoDbAttributes item, const DynamoDbCondition& condition, Duration limit);
  DynamoDbCondition IfOurs() const;

  const std::unique_ptr<DynamoDb> service_;
  Clock& clock_;
  const std::string pk_;
  const std::string lock_id_;  // of this object, for ever
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_FORMER_LOCK_H_
