#ifndef SQLITE_EFS_SIM_LEASE_SERVICE_H_
#define SQLITE_EFS_SIM_LEASE_SERVICE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lease/lease_store.h"
#include "sim/scheduler.h"

namespace sqlite_efs::sim {

struct Process;

// A service on the network that keeps one record for each database. Every operation is atomic and takes no time.
class LeaseService {
 public:
  Time out_until = 0;  // it does not answer before

  AcquireReply TryAcquire(const LeaseRecord& wanted, const Takeover& takeover);
  bool Renew(const LeaseRecord& renewed);
  void Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean);

  uint64_t takeovers = 0;

 private:
  std::map<std::string, LeaseRecord> records_;
};

inline constexpr char kServiceName[] = "simulated";

// The service as a process's lease store: requests travel, and are lost, late or doubled.
std::unique_ptr<LeaseStore> NewServiceLeaseStore(Process& process);

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_LEASE_SERVICE_H_
