#include "place.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace sqlite_efs::bench {

namespace fs = std::filesystem;

const std::vector<Engine>& Engines() {
  static const auto* const engines = new std::vector<Engine>{
      {"stock", "vfs=unix", "DELETE"},
      {"wal", "vfs=unix", "WAL"},
      {"efs", "vfs=efs", ""},
      {"efs-linger", "vfs=efs&lease_linger_ms=1000", ""},
  };
  return *engines;
}

Place::Place(const std::string& parent, const Engine& engine) : engine_(engine), folder_(parent + "/XXXXXX") {
  if (::mkdtemp(folder_.data()) != nullptr) return;
  std::cerr << "engine_benchmark: cannot make a folder in " << parent << "\n";
  std::exit(1);
}

Place::~Place() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Connection Place::Open(const std::string& name) const {
  Connection connection("file:" + folder_ + "/" + name + "?" + engine_.parameters);
  if (!engine_.journal_mode.empty()) connection.Execute("PRAGMA journal_mode = " + engine_.journal_mode);
  return connection;
}

Connection Place::OpenCopy(const std::string& original) const {
  fs::copy_file(original, folder_ + "/copy");
  return Open("copy");
}

void Place::Remove(const std::string& name) const {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) fs::remove_all(folder_ + "/" + name + suffix);
}

void MakeOriginal(const std::string& path) {
  Connection connection("file:" + path + "?vfs=unix");
  // 37 has no common divisor with the number of categories: the rows of one lie far apart.
  connection.Execute(
      "BEGIN;"
      "CREATE TABLE item(id INTEGER PRIMARY KEY, category INTEGER NOT NULL, amount INTEGER NOT NULL, words TEXT);"
      "CREATE INDEX item_category ON item(category);"
      "CREATE TABLE bulk(id INTEGER PRIMARY KEY, number INTEGER, words TEXT);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
      std::to_string(kItems) + ") INSERT INTO item SELECT i, i * 37 % " + std::to_string(kCategories) +
      ", i * 7919 % 100003, printf('item number %d, of which there is little to say: %x %x', i, i * 7919, i * 104729) "
      "|| "
      "substr('........................................', 1, i % 40) FROM n;"
      "COMMIT");
}

}  // namespace sqlite_efs::bench
