#include "sim/sql.h"

namespace sqlite_efs::sim {

int Sql::Open(const std::string& name, const char* vfs, int flags) {
  Close();
  const int rc = sqlite3_open_v2(name.c_str(), &db_, flags | SQLITE_OPEN_URI | SQLITE_OPEN_PRIVATECACHE, vfs);
  if (db_ != nullptr) sqlite3_extended_result_codes(db_, 1);
  return rc;
}

void Sql::Close() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close(db_);
  db_ = nullptr;
}

int Sql::Prepare(const char* sql, std::initializer_list<Argument> arguments, sqlite3_stmt** out) {
  *out = nullptr;
  for (const auto& [known, statement] : statements_) {
    if (known == sql) *out = statement;
  }
  if (*out == nullptr) {
    const int rc = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, out, nullptr);
    if (rc != SQLITE_OK) return rc;
    statements_.emplace_back(sql, *out);
  }
  int index = 0;
  for (const Argument& argument : arguments) {
    if (argument.is_fill) {
      sqlite3_bind_blob(*out, ++index, argument.fill.data(), static_cast<int>(argument.fill.size()), SQLITE_TRANSIENT);
    } else {
      sqlite3_bind_int64(*out, ++index, argument.number);
    }
  }
  return SQLITE_OK;
}

}  // namespace sqlite_efs::sim
