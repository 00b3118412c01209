#ifndef SQLITE_EFS_VFS_VFS_H_
#define SQLITE_EFS_VFS_VFS_H_

#include <string>

#include "base/status.h"
#include "store/environment.h"

namespace sqlite_efs {

inline constexpr char kVfsName[] = "efs";

// Registers a VFS, https://www.sqlite.org/vfs.html , on top of the present default VFS; an SQLite result code.
// `environment` must live as long as the process. Again for the same name: only `make_default` counts.
int RegisterVfs(const Environment& environment, bool make_default, const std::string& name = kVfsName);

// Forgets what is remembered of the databases that were opened through the VFS of that name, as if the process had just
// begun; none of them may be open. For a program that plays several processes, one after another.
void ForgetDatabases(const std::string& name);

// Gives back the leases of this process that no transaction uses; how many. `failure`, if given, receives what went
// wrong with one of them.
int ReleaseLeases(Status* failure = nullptr);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_VFS_H_
