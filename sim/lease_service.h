#ifndef SQLITE_EFS_SIM_LEASE_SERVICE_H_
#define SQLITE_EFS_SIM_LEASE_SERVICE_H_

#include <memory>

#include "lease/lease_store.h"
#include "sim/dynamodb_table.h"
#include "sim/scheduler.h"

namespace sqlite_efs::sim {

struct Process;

// DynamoDB. Every operation is atomic and takes no time.
struct LeaseService {
  Time out_until = 0;  // it does not answer before
  DynamoDbTable table;
};

// The product's own lease store of a table there, as a process's: its requests travel, and are lost, late or doubled.
std::unique_ptr<LeaseStore> NewServiceLeaseStore(Process& process, Clock& clock);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_LEASE_SERVICE_H_
