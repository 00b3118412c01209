// The entry points of include/sqlite_efs.h.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/events.h"
#include "base/metrics.h"
#include "sqlite_efs.h"
#include "vfs/errors.h"
#include "vfs/event_log.h"
#include "vfs/freshness.h"
#include "vfs/metrics_text.h"
#include "vfs/sqlite.h"
#include "vfs/vfs.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT1
#endif

#define EFS_PUBLIC extern "C" __attribute__((visibility("default")))

namespace {

// The first version with sqlite3_uri_key() and sqlite3_filename_database().
constexpr int kOldestSqlite = 3031000;

int Register(bool make_default, char** error_message) {
  if (sqlite3_libversion_number() < kOldestSqlite) {
    if (error_message != nullptr) {
      *error_message = sqlite3_mprintf("sqlite_efs needs SQLite 3.31.0 or later; this is %s", sqlite3_libversion());
    }
    return SQLITE_ERROR;
  }
  return sqlite_efs::Guarded([&] {
    const sqlite_efs::Status logging = sqlite_efs::OpenEventLogByEnvironment();
    if (!logging.ok()) {
      if (error_message != nullptr) *error_message = sqlite3_mprintf("%s", logging.message().c_str());
      return sqlite_efs::Report(logging);
    }
    const int rc = sqlite_efs::RegisterVfs(sqlite_efs::SystemEnvironment(), make_default);
    // Connections that are open to the end would leave leases that others must wait for. LastError() is gone by then.
    static const bool at_exit = std::atexit([] { (void)sqlite_efs::ReleaseLeases(); }) == 0;
    (void)at_exit;
    return rc;
  });
}

// Copies the text that `make` returns, with a 0 at its end, if there is room for it; returns its length. No exception
// leaves the library.
template <typename Make>
int Give(char* out, int size, const Make& make) noexcept {
  try {
    const std::string text = make();
    if (size > 0 && text.size() < static_cast<size_t>(size)) std::memcpy(out, text.c_str(), text.size() + 1);
    return static_cast<int>(text.size());
  } catch (const std::exception&) {  // no memory
    return 0;
  }
}

bool DefaultByEnvironment() {
  const char* value = std::getenv("SQLITE_EFS_DEFAULT");
  return value != nullptr && std::strcmp(value, "1") == 0;
}

#ifdef SQLITE_CORE
int Adopt(const sqlite3_api_routines*, char**) { return SQLITE_OK; }
#else
// The library calls one SQLite, and its VFS can be in the list of one. A second copy is in the process when a module
// brings its own, as Python's apsw does.
int Adopt(const sqlite3_api_routines* api, char** error_message) {
  static std::atomic<const sqlite3_api_routines*> adopted{nullptr};
  const sqlite3_api_routines* first = nullptr;
  if (!adopted.compare_exchange_strong(first, api) && first != api) {
    if (error_message != nullptr) {
      *error_message = api->mprintf(
          "sqlite_efs is in use by another copy of SQLite in this process (%s; this is %s): use one of them, "
          "or another process",
          first->libversion(), api->libversion());
    }
    return SQLITE_ERROR;
  }
  SQLITE_EXTENSION_INIT2(api);
  return SQLITE_OK;
}
#endif

int Load(bool make_default, char** error_message, const sqlite3_api_routines* api) {
  if (const int rc = Adopt(api, error_message); rc != SQLITE_OK) return rc;
  // Not SQLITE_OK_LOAD_PERMANENTLY, which sqlite3_auto_extension() takes for an error: the linker's nodelete flag keeps
  // the library loaded.
  return Register(make_default || DefaultByEnvironment(), error_message);
}

}  // namespace

EFS_PUBLIC int sqlite3_sqliteefs_init(sqlite3*, char** error_message, const sqlite3_api_routines* api) {
  return Load(false, error_message, api);
}

EFS_PUBLIC int sqlite3_efs_default_init(sqlite3*, char** error_message, const sqlite3_api_routines* api) {
  return Load(true, error_message, api);
}

EFS_PUBLIC int sqlite_efs_register(int make_default) {
  return Register(make_default != 0 || DefaultByEnvironment(), nullptr);
}

EFS_PUBLIC const char* sqlite_efs_last_error(void) { return sqlite_efs::LastError().c_str(); }

EFS_PUBLIC void sqlite_efs_clear_error(void) { sqlite_efs::LastError().clear(); }

EFS_PUBLIC void sqlite_efs_begin_request(void) { sqlite_efs::BeginRequest(sqlite_efs::SystemClock()); }

EFS_PUBLIC void sqlite_efs_end_request(void) { sqlite_efs::EndRequest(); }

EFS_PUBLIC void sqlite_efs_begin_call(void) {
  sqlite_efs::LastError().clear();
  sqlite_efs::BeginCall(sqlite_efs::SystemClock());
}

EFS_PUBLIC void sqlite_efs_end_call(void) { sqlite_efs::EndCall(); }

EFS_PUBLIC int sqlite_efs_release(void) {
  sqlite_efs::LastError().clear();
  sqlite_efs::Status failure;
  const int released = sqlite_efs::ReleaseLeases(&failure);
  if (!failure.ok()) (void)sqlite_efs::Report(failure);
  return released;
}

EFS_PUBLIC int sqlite_efs_metrics(int format, char* out, int size) {
  return Give(out, size, [&] {
    const sqlite_efs::ProcessValues values = sqlite_efs::AllMetrics();
    return format == SQLITE_EFS_PROMETHEUS ? sqlite_efs::ProcessPrometheus(values)
                                           : sqlite_efs::JsonLine(sqlite_efs::ProcessJson(values));
  });
}

EFS_PUBLIC int sqlite_efs_next_event(char* out, int size) {
  return Give(out, size, [] {
    uint64_t dropped = 0;
    const std::optional<sqlite_efs::Event> event = sqlite_efs::TakeEvent(&dropped);
    if (!event) return std::string();
    nlohmann::json object = sqlite_efs::EventJson(*event);
    if (dropped != 0) object["dropped"] = dropped;
    return sqlite_efs::JsonLine(object);
  });
}

EFS_PUBLIC void sqlite_efs_keep_events(void) { sqlite_efs::KeepEvents(); }

EFS_PUBLIC const char* sqlite_efs_version(void) { return SQLITE_EFS_VERSION; }
