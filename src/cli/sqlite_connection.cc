#include "cli/sqlite_connection.h"

#include "vfs/errors.h"

namespace sqlite_efs::cli {
namespace {

StatusCode CodeOf(int result_code) {
  if (result_code == SQLITE_BUSY_SNAPSHOT) return StatusCode::kConflict;
  switch (result_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return StatusCode::kBusy;
    case SQLITE_CORRUPT:
      return StatusCode::kCorrupt;
    case SQLITE_NOTADB:
      return StatusCode::kNotDatabase;
    case SQLITE_FULL:
      return StatusCode::kFull;
    case SQLITE_READONLY:
      return StatusCode::kReadOnly;
    case SQLITE_CANTOPEN:
      return StatusCode::kCantOpen;
    default:
      return StatusCode::kIoError;
  }
}

std::string Remedy(int result_code) {
  if (result_code == SQLITE_READONLY_ROLLBACK || result_code == SQLITE_READONLY_RECOVERY) {
    return "; an unfinished transaction must be recovered first: open it once for writing";
  }
  switch (result_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another program uses it: try again, or give a longer --timeout";
    case SQLITE_FULL:
      return "; free some space on its disk, and try again";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; restore it from a backup";
    default:
      return "; check the file, its directory and their permissions";
  }
}

}  // namespace

Result<SqliteConnection> SqliteConnection::Open(const std::string& path, const std::string& vfs, int flags,
                                                Duration timeout) {
  LastError().clear();
  sqlite3* db = nullptr;
  const int rc = sqlite3_open_v2(path.c_str(), &db, flags | SQLITE_OPEN_PRIVATECACHE, vfs.c_str());
  SqliteConnection connection(db, path);
  if (rc != SQLITE_OK) return connection.StatusOf(sqlite3_extended_errcode(db));
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()));
  return connection;
}

Result<std::vector<std::string>> SqliteConnection::Query(const std::string& sql) {
  LastError().clear();
  sqlite3_stmt* statement = nullptr;
  int rc = sqlite3_prepare_v2(get(), sql.c_str(), -1, &statement, nullptr);
  if (rc != SQLITE_OK) return StatusOf(rc);
  std::vector<std::string> rows;
  while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
    const unsigned char* text = sqlite3_column_text(statement, 0);
    rows.emplace_back(text == nullptr ? "" : reinterpret_cast<const char*>(text));
  }
  const Status status = rc == SQLITE_DONE ? Status() : StatusOf(rc);
  sqlite3_finalize(statement);
  if (!status.ok()) return status;
  return rows;
}

Result<std::string> SqliteConnection::QueryOne(const std::string& sql) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> rows, Query(sql));
  return rows.empty() ? std::string() : rows.front();
}

Status SqliteConnection::StatusOf(int code) const {
  if (!LastError().empty()) return {CodeOf(code), LastError()};
  return {CodeOf(code), path_ + ": stock SQLite says \"" + sqlite3_errstr(code) + "\"" + Remedy(code)};
}

}  // namespace sqlite_efs::cli
