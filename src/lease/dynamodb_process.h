#ifndef SQLITE_EFS_LEASE_DYNAMODB_PROCESS_H_
#define SQLITE_EFS_LEASE_DYNAMODB_PROCESS_H_

#include <memory>
#include <string>
#include <string_view>

#include "lease/dynamodb_observer.h"
#include "lease/former_lock.h"
#include "lease/lease_store.h"

namespace sqlite_efs {

// The lease store in that table, by this process's AWS settings, which are not looked at before the first request. All
// stores of a process share connections and credentials. Thread-safe, in a child of fork() too.
std::unique_ptr<LeaseStore> NewDynamoDbLeaseStore(const std::string& table);

// Looks at the leases in that table, with what the stores share.
std::unique_ptr<DynamoDbObserver> NewDynamoDbObserver(const std::string& table);

// The lock of the former package on the database that its settings call `name`, in that table, with what they share.
std::unique_ptr<FormerLock> NewFormerLock(const std::string& table, const std::string& name);

// Whether that can be a table: a name of 3 to 255 letters, digits, "_", "-" and ".", or an ARN that ends with one.
bool IsDynamoDbTable(std::string_view table);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_DYNAMODB_PROCESS_H_
