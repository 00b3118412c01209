#ifndef SQLITE_EFS_VFS_SETTINGS_H_
#define SQLITE_EFS_VFS_SETTINGS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/clock.h"
#include "store/live_database.h"
#include "vfs/freshness.h"

namespace sqlite_efs {

// What a connection may be told, in its URI or else in the environment. Each has the range that its parser names.
struct Settings {
  Duration timeout = std::chrono::seconds(5);  // the longest wait for the writer's lease
  size_t cache_mib = 16;                       // pages in memory, for all connections of the process to one file
  uint32_t wal_autocheckpoint = 1000;          // frames of a log segment; 0: merging is left to a checkpoint
  uint64_t lock_max_attempts = 10;             // of a lease store whose records expire
  uint64_t lock_expiration_s = 10;             // of such a record that is not renewed
  std::string lock_dynamodb_table;             // with the lease; empty: the embedded lease
  std::string lock_former_name;                // NAME by which django-sqlite-efs 0.1 locks the file there; empty: none
  std::string lambda_function;                 // in which the process runs (AWS Lambda); empty: in none
  std::optional<Duration> lease_linger;        // how long an idle lease is kept; not set: the lease store's default
  Freshness freshness;                         // what a transaction must see of what others have committed
};

inline constexpr uint32_t kMaxAutocheckpoint_frames = 10'000'000;

struct UriParameter {
  std::string name;
  std::string value;
};

// The value of an environment variable, if it is set. An empty one counts as not given.
using EnvironmentReader = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> ReadEnvironment(const char* name);

// kInvalid, naming the parameter or variable, for what is unknown, ill-formed, out of range or not safe.
Result<Settings> ParseSettings(const std::vector<UriParameter>& parameters, const EnvironmentReader& environment);

// kReadOnly if the lease does not serve all who may write to `path`: on Lambda any number of machines do. OK otherwise.
Status CheckLeaseServesAll(const Settings& settings, const std::string& path);

// What of it the store is to know.
StoreOptions OptionsOf(const Settings& settings);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_SETTINGS_H_
