#ifndef SQLITE_EFS_VFS_SQLITE_H_
#define SQLITE_EFS_VFS_SQLITE_H_

// SQLite's interface: of the library that is linked to (SQLITE_CORE), or of the program that loaded the extension.
#ifdef SQLITE_CORE
#include <sqlite3.h>
#else
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3
#endif

#endif  // SQLITE_EFS_VFS_SQLITE_H_
