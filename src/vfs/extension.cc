// The entry points of include/sqlite_efs.h.
#include <cstdlib>
#include <cstring>

#include "sqlite_efs.h"
#include "vfs/errors.h"
#include "vfs/freshness.h"
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
    const int rc = sqlite_efs::RegisterVfs(sqlite_efs::SystemEnvironment(), make_default);
    // Connections that are open to the end would leave leases that others must wait for. LastError() is gone by then.
    static const bool at_exit = std::atexit([] { (void)sqlite_efs::ReleaseLeases(); }) == 0;
    (void)at_exit;
    return rc;
  });
}

bool DefaultByEnvironment() {
  const char* value = std::getenv("SQLITE_EFS_DEFAULT");
  return value != nullptr && std::strcmp(value, "1") == 0;
}

int Load(bool make_default, char** error_message, const sqlite3_api_routines* api) {
#ifdef SQLITE_CORE
  (void)api;
#else
  SQLITE_EXTENSION_INIT2(api);
#endif
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

EFS_PUBLIC const char* sqlite_efs_version(void) { return SQLITE_EFS_VERSION; }
