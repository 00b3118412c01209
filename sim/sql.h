#ifndef SQLITE_EFS_SIM_SQL_H_
#define SQLITE_EFS_SIM_SQL_H_

#include <sqlite3.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace sqlite_efs::sim {

// An argument of a statement: a number, or so many bytes of one value.
struct Argument {
  Argument(int64_t n) : number(n) {}  // NOLINT(google-explicit-constructor)
  Argument(size_t n, uint8_t value) : fill(n, static_cast<char>(value)), is_fill(true) {}
  int64_t number = 0;
  std::string fill;
  bool is_fill = false;
};

// A connection whose statements are kept prepared. Every function returns SQLite's extended result code.
class Sql {
 public:
  Sql() = default;
  ~Sql() { Close(); }
  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;

  int Open(const std::string& name, const char* vfs, int flags);
  void Close();

  // Runs a statement; `row` is called for each row. `sql` must be a literal: statements are known by their address.
  template <typename Row>
  int Run(const char* sql, std::initializer_list<Argument> arguments, Row&& row) {
    sqlite3_stmt* statement = nullptr;
    int rc = Prepare(sql, arguments, &statement);
    if (rc != SQLITE_OK) return rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) row(statement);
    const int reset = sqlite3_reset(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : reset != SQLITE_OK ? reset : rc;
  }
  int Run(const char* sql, std::initializer_list<Argument> arguments = {}) {
    return Run(sql, arguments, [](sqlite3_stmt*) {});
  }
  // Text that is made for the occasion.
  int Execute(const std::string& sql) { return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); }

  bool in_transaction() const { return db_ != nullptr && sqlite3_get_autocommit(db_) == 0; }
  sqlite3* get() const { return db_; }

 private:
  int Prepare(const char* sql, std::initializer_list<Argument> arguments, sqlite3_stmt** out);

  sqlite3* db_ = nullptr;
  std::vector<std::pair<const char*, sqlite3_stmt*>> statements_;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_SQL_H_
