#ifndef SQLITE_EFS_TESTING_SQLITE_DATABASE_H_
#define SQLITE_EFS_TESTING_SQLITE_DATABASE_H_

#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

namespace sqlite_efs::testing {

inline constexpr const char* kStockVfs = "unix";

// A connection of SQLite's, closed with the object. Result codes are the extended ones.
class SqliteDatabase {
 public:
  SqliteDatabase() = default;
  // `name` may be a URI. `vfs` null: the default VFS.
  explicit SqliteDatabase(const std::string& name, const char* vfs = nullptr,
                          int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) {
    open_result_ = sqlite3_open_v2(name.c_str(), &db_, flags | SQLITE_OPEN_URI, vfs);
    if (db_ != nullptr) sqlite3_extended_result_codes(db_, 1);
  }
  ~SqliteDatabase() { Close(); }
  SqliteDatabase(SqliteDatabase&& other) noexcept { *this = std::move(other); }
  SqliteDatabase& operator=(SqliteDatabase&& other) noexcept {
    std::swap(db_, other.db_);
    std::swap(open_result_, other.open_result_);
    return *this;
  }

  void Close() {
    sqlite3_close_v2(db_);
    db_ = nullptr;
  }

  sqlite3* get() const { return db_; }
  int open_result() const { return open_result_; }
  const char* message() const { return sqlite3_errmsg(db_); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

  int Exec(const std::string& sql) { return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); }

  // The rows of a statement, columns parted by "|" and rows by a line end; or "error <code>: <message>".
  std::string Query(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    int rc = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
    std::string rows;
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
      rc = sqlite3_step(statement);
      if (rc != SQLITE_ROW) break;
      if (!rows.empty()) rows += "\n";
      for (int i = 0; i < sqlite3_column_count(statement); i++) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        rows += (i == 0 ? "" : "|") + std::string(text == nullptr ? "NULL" : text);
      }
    }
    const std::string error = rc == SQLITE_DONE ? "" : "error " + std::to_string(rc) + ": " + message();
    sqlite3_finalize(statement);
    return error.empty() ? rows : error;
  }

  sqlite3_file* file(const char* schema = "main") const {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(db_, schema, SQLITE_FCNTL_FILE_POINTER, &file);
    return file;
  }

 private:
  sqlite3* db_ = nullptr;
  int open_result_ = SQLITE_MISUSE;
};

inline std::string Uri(const std::string& path, const std::string& parameters = "") {
  return "file:" + path + "?vfs=efs" + (parameters.empty() ? "" : "&" + parameters);
}

// A copy of a live database as stock SQLite reads it: the base, and its only segment as the `-wal` file.
inline SqliteDatabase OpenStockCopy(const std::string& path, const std::string& copy,
                                    const std::string& segment = "0000000001") {
  namespace fs = std::filesystem;
  fs::copy_file(path, copy, fs::copy_options::overwrite_existing);
  fs::copy_file(path + "-wal/" + segment, copy + "-wal", fs::copy_options::overwrite_existing);
  fs::remove(copy + "-shm");
  return SqliteDatabase(copy, kStockVfs);
}

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_SQLITE_DATABASE_H_
