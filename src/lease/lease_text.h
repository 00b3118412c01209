#ifndef SQLITE_EFS_LEASE_LEASE_TEXT_H_
#define SQLITE_EFS_LEASE_LEASE_TEXT_H_

#include <cstdint>
#include <string>

#include "lease/lease_record.h"
#include "os/clock.h"

namespace sqlite_efs {

// What the lease says to people.

// Who this process is: "host, process 123 (program)", on Lambda "host, process 123 (program, function NAME)".
std::string DescribeThisProcess();

// " by HOLDER", with its times if the record expires; nothing if nobody holds the lease.
std::string DescribeHolder(const LeaseRecord& record);

// A duration in seconds, to the millisecond, with three digits that count.
std::string Seconds(Duration duration);

// A wall time, as ISO 8601 in UTC.
std::string WallTime(int64_t ms);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_LEASE_TEXT_H_
