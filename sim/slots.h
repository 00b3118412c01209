#ifndef SQLITE_EFS_SIM_SLOTS_H_
#define SQLITE_EFS_SIM_SLOTS_H_

#include <string>

#include "sim/world.h"
#include "store/environment.h"

namespace sqlite_efs::sim {

// A VFS cannot be unregistered, so there is a fixed number of them, each for one simulated process at a time. In a
// process's paths the first component is its slot: what the product keeps by path must not be shared by processes.
inline constexpr int kSlots = 256;

struct Settings {
  enum class LeaseStore : uint8_t { kEmbedded, kService, kDynamoDb } lease_store = LeaseStore::kEmbedded;
  size_t spill_bytes = size_t{4} << 20;
  MergeLimits merge;
};

// Registers all; once, before the first history.
void RegisterSlots();

// Gives the process a slot; false if all are taken. It is free again when the process has ended.
bool TakeSlot(Process& process, const Settings& settings);
void LeaveSlot(Process& process);

// The environment of that process.
const Environment& EnvironmentOf(const Process& process);
// "sim7": the VFS to open a database with.
std::string VfsOf(const Process& process);
// The process's name for a file of the server.
std::string PathOf(const Process& process, const std::string& path);

// The process that the running thread belongs to; null outside of every thread.
Process* CurrentProcess();

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_SLOTS_H_
