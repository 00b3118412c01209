#include "sqlite.h"

#include <cstdlib>
#include <iostream>

namespace sqlite_efs::bench {
namespace {

void Check(sqlite3* db, int code) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  std::cerr << "engine_benchmark: " << sqlite3_errmsg(db) << "\n";
  std::exit(1);
}

}  // namespace

Statement::Statement(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  Check(db, code);
}

Statement& Statement::Bind(int64_t value) {
  Check(sqlite3_db_handle(statement_.get()), sqlite3_bind_int64(statement_.get(), ++bound_, value));
  return *this;
}

Statement& Statement::Bind(std::string_view value) {
  const int code = sqlite3_bind_text(statement_.get(), ++bound_, value.data(), static_cast<int>(value.size()), nullptr);
  Check(sqlite3_db_handle(statement_.get()), code);
  return *this;
}

int64_t Statement::Run() {
  int64_t sum = 0;
  int code = sqlite3_step(statement_.get());
  for (; code == SQLITE_ROW; code = sqlite3_step(statement_.get())) sum += sqlite3_column_int64(statement_.get(), 0);
  Check(sqlite3_db_handle(statement_.get()), code);
  sqlite3_reset(statement_.get());
  bound_ = 0;
  return sum;
}

Connection::Connection(const std::string& uri) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(uri.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, "unix");
  db_.reset(db);
  Check(db, code);
}

void Connection::Execute(const std::string& sql) {
  Check(db_.get(), sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr));
}

}  // namespace sqlite_efs::bench
