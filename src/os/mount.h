#ifndef SQLITE_EFS_OS_MOUNT_H_
#define SQLITE_EFS_OS_MOUNT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sqlite_efs {

// A mounted file system, as proc_pid_mountinfo(5) tells it.
struct Mount {
  std::string type;                  // "nfs4", "ext4", ...
  std::string source;                // the device, or what the server exports
  std::string point;                 // where it is mounted
  std::vector<std::string> options;  // of the mount, then of the file system: "rw", "vers=4.1", ...

  bool IsNfs() const { return type == "nfs" || type == "nfs4"; }
  bool Has(std::string_view option) const;
  // What follows "<name>=", if it is there.
  std::optional<std::string> Value(std::string_view name) const;
};

// The mount of that number in the text of a mountinfo file; nothing if there is none.
std::optional<Mount> FindMount(std::string_view mountinfo, uint64_t id);
// The first mount of a device, "MAJOR:MINOR", there.
std::optional<Mount> FindMountOfDevice(std::string_view mountinfo, const std::string& device);

// The mount that a path lies on. Fails where the system does not tell.
Result<Mount> MountOf(const std::string& path);

// A mount of the device whose numbers statx(2) has told; nothing if there is none. Asks no file server.
std::optional<Mount> MountOfDevice(uint32_t major, uint32_t minor);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_MOUNT_H_
