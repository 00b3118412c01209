#ifndef SQLITE_EFS_SIM_STOCK_VFS_H_
#define SQLITE_EFS_SIM_STOCK_VFS_H_

namespace sqlite_efs::sim {

inline constexpr char kStockVfs[] = "stock";

// Registers, as the default, a VFS that does for simulated processes what SQLite's own "unix" does: plain files and
// byte-range locks, without shared memory. To be used from simulated threads.
void RegisterStockVfs();

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_STOCK_VFS_H_
