#ifndef SQLITE_EFS_VFS_VFS_H_
#define SQLITE_EFS_VFS_VFS_H_

#include "store/environment.h"

namespace sqlite_efs {

// Registers the VFS `efs`, https://www.sqlite.org/vfs.html , on top of the present default VFS; an SQLite result code.
// Again: only `make_default` counts.
int RegisterVfs(const Environment& environment, bool make_default);

// Gives back the leases of this process that no transaction uses; how many.
int ReleaseLeases();

inline constexpr char kVfsName[] = "efs";

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_VFS_H_
