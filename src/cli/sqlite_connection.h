#ifndef SQLITE_EFS_CLI_SQLITE_CONNECTION_H_
#define SQLITE_EFS_CLI_SQLITE_CONNECTION_H_

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/clock.h"

namespace sqlite_efs::cli {

// A connection of SQLite, closed with the object. One thread at a time.
class SqliteConnection {
 public:
  // Opens `path` through the VFS of that name; `flags` as of sqlite3_open_v2(). Statements wait up to `timeout`.
  static Result<SqliteConnection> Open(const std::string& path, const std::string& vfs, int flags,
                                       Duration timeout = Duration::zero());

  // Runs one statement; the first column of all its rows, NULL as "".
  Result<std::vector<std::string>> Query(const std::string& sql);
  // The same for a statement that answers one row.
  Result<std::string> QueryOne(const std::string& sql);

  // What a result code means: the engine's own sentence if it left one, or SQLite's with the file's name.
  Status StatusOf(int code) const;

  sqlite3* get() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  SqliteConnection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
};

}  // namespace sqlite_efs::cli

#endif  // SQLITE_EFS_CLI_SQLITE_CONNECTION_H_
