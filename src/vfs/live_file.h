#ifndef SQLITE_EFS_VFS_LIVE_FILE_H_
#define SQLITE_EFS_VFS_LIVE_FILE_H_

#include <memory>

#include "vfs/connection.h"
#include "vfs/sqlite.h"

namespace sqlite_efs {

// The sqlite3_file of a live database. `file` points to LiveFileSize() bytes of SQLite's. `name` is the pointer that
// SQLite opened the file by.
void OpenLiveFile(sqlite3_file* file, const char* name, std::unique_ptr<Connection> connection);
int LiveFileSize();

// The connection whose main file was opened by that very pointer; null if it is not a live file.
Connection* FindConnection(const char* name);

// Whether a connection of this process has that path open as a live database.
bool IsOpenLive(const std::string& path);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_LIVE_FILE_H_
