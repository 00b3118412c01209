#ifndef SQLITE_EFS_BENCH_ENGINE_PLACE_H_
#define SQLITE_EFS_BENCH_ENGINE_PLACE_H_

#include <string>
#include <vector>

#include "sqlite.h"

namespace sqlite_efs::bench {

// A way to keep a database.
struct Engine {
  std::string name;
  std::string parameters;    // of the URI
  std::string journal_mode;  // empty: the engine's own
};

// Stock SQLite with a rollback journal and with a WAL, this project's VFS, and the same with a lease that is kept.
const std::vector<Engine>& Engines();

// A folder for one engine's databases, removed with all that is in it.
class Place {
 public:
  Place(const std::string& parent, const Engine& engine);
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // Opens a database of this folder through the engine; a new one is empty.
  Connection Open(const std::string& name) const;
  // The same for a copy of `original`.
  Connection OpenCopy(const std::string& original) const;
  // Removes a database that nobody has open.
  void Remove(const std::string& name) const;

 private:
  const Engine& engine_;
  std::string folder_;
};

// Makes an ordinary database of about 10 MiB: the table `item`, with an index on `category` (10 rows each).
void MakeOriginal(const std::string& path);

inline constexpr int kItems = 85000;
inline constexpr int kCategories = kItems / 10;

}  // namespace sqlite_efs::bench

#endif  // SQLITE_EFS_BENCH_ENGINE_PLACE_H_
