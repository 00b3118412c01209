#ifndef SQLITE_EFS_SIM_DYNAMODB_SERVICE_H_
#define SQLITE_EFS_SIM_DYNAMODB_SERVICE_H_

#include <memory>

#include "lease/lease_store.h"
#include "os/clock.h"

namespace sqlite_efs::sim {

struct Process;

// The product's own lease store of a table there, as a process's: its requests travel, and are lost, late or doubled.
std::unique_ptr<LeaseStore> NewDynamoDbLeaseStore(Process& process, Clock& clock);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_DYNAMODB_SERVICE_H_
