#ifndef SQLITE_EFS_BENCH_ENGINE_SQLITE_H_
#define SQLITE_EFS_BENCH_ENGINE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sqlite_efs::bench {

// What goes wrong in a benchmark ends it: the process stops, with SQLite's words. Not thread-safe, as SQLite's handles.

// A prepared statement.
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);

  Statement& Bind(int64_t value);
  Statement& Bind(std::string_view value);  // must live until the next Run()
  // Steps through all rows, and is ready to be bound anew. The sum of the first column, by which the rows are read.
  int64_t Run();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
};

// A connection.
class Connection {
 public:
  explicit Connection(const std::string& uri);

  Statement Prepare(std::string_view sql) { return {db_.get(), sql}; }
  // Runs statements that are parted by semicolons.
  void Execute(const std::string& sql);

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace sqlite_efs::bench

#endif  // SQLITE_EFS_BENCH_ENGINE_SQLITE_H_
