#include "vfs/vfs.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>

#include "vfs/errors.h"
#include "vfs/journal_file.h"
#include "vfs/live_file.h"
#include "vfs/ordinary.h"
#include "vfs/settings.h"
#include "vfs/sqlite.h"

namespace sqlite_efs {
namespace {

constexpr uint32_t kNewFilePermissions = 0644;
constexpr std::string_view kJournalSuffix = "-journal";
constexpr std::string_view kWalSuffix = "-wal";

// The one VFS of the process. Set once, before SQLite knows of it.
struct Vfs {
  sqlite3_vfs methods;
  sqlite3_vfs* stock = nullptr;
  const Environment* environment = nullptr;
};
Vfs the_vfs;
bool registered = false;
std::mutex registration_mutex;

// The databases of this process: those of its parent are left alone after fork().
DatabaseRegistry& Databases() {
  struct OfProcess {
    uint64_t fork_generation;
    DatabaseRegistry databases;
  };
  static std::atomic<OfProcess*> current{nullptr};
  OfProcess* present = current.load(std::memory_order_acquire);
  while (present == nullptr || present->fork_generation != ForkGeneration()) {
    auto fresh = std::unique_ptr<OfProcess>(new OfProcess{ForkGeneration(), DatabaseRegistry(*the_vfs.environment)});
    if (current.compare_exchange_strong(present, fresh.get(), std::memory_order_acq_rel)) present = fresh.release();
  }
  return present->databases;
}

std::string Folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// --- opening a live database

Result<Settings> SettingsOf(sqlite3_filename name) {
  std::vector<UriParameter> parameters;
  for (int i = 0; const char* key = sqlite3_uri_key(name, i); i++) {
    const char* value = sqlite3_uri_parameter(name, key);
    parameters.push_back({key, value == nullptr ? "" : value});
  }
  return ParseSettings(parameters, &ReadEnvironment);
}

bool AsksForEngine(sqlite3_filename name) {
  const char* vfs = sqlite3_uri_parameter(name, "vfs");
  return vfs != nullptr && std::strcmp(vfs, kVfsName) == 0;
}

// Makes sure that the file is there: a new one is empty, and becomes a database with its first commit.
Status EnsureFile(FileSystem& files, const std::string& path, int flags) {
  const Result<FileAttributes> found = files.Stat(path);
  if (found.ok()) {
    if (!found->is_directory) return {};
    return Status::CantOpen(path + " is a directory; name the database file in it");
  }
  if (!found.status().Is(StatusCode::kNotFound)) return found.status();
  if (!files.Stat(Folder(path)).ok()) {
    return Status::CantOpen("the directory " + Folder(path) + " does not exist; create it, or correct the path " +
                            path);
  }
  if ((flags & SQLITE_OPEN_CREATE) == 0) {
    return Status::CantOpen("there is no database " + path + ", and it is not to be created");
  }
  const Result<std::unique_ptr<File>> made = files.Open(path, OpenMode::kCreateOrOpen, kNewFilePermissions);
  if (made.ok()) return {};
  return Status::CantOpen(made.status().message() + "; the database cannot be created there");
}

// Makes an ordinary database live on its first use.
Status EnsureLive(FileSystem& files, const std::string& path, int flags) {
  if (IsLive(files, path)) return CheckNoJournal(files, path);
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, files.Stat(path));
  if (file.size == 0) return CheckNoJournal(files, path);
  if ((flags & SQLITE_OPEN_READWRITE) == 0) {
    return Status::CantOpen(path +
                            " is an ordinary database, and making it live needs writing; open it for writing "
                            "once, or run: sqlite-efs attach " +
                            path);
  }
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> readable, files.Open(path, OpenMode::kRead));
  if (!files.MayWrite(path) || !files.MayWrite(Folder(path))) {
    return Status::ReadOnly(path +
                            " is an ordinary database, and making it live needs permission to write to it and "
                            "to its directory; grant it once, or open it without vfs=efs to read it");
  }
  return AttachDatabase(files, path, the_vfs.stock->zName);
}

bool IsReadOnly(FileSystem& files, const std::string& path, int flags) {
  if ((flags & SQLITE_OPEN_READWRITE) == 0 || !files.MayWrite(path)) return true;
  return !files.MayWrite(IsLive(files, path) ? Layout(path).directory() : Folder(path));
}

Status OpenLive(sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  FileSystem& files = the_vfs.environment->files;
  const std::string path = name;
  EFS_ASSIGN_OR_RETURN(const Settings settings, SettingsOf(name));
  EFS_RETURN_IF_ERROR(EnsureFile(files, path, flags));
  EFS_RETURN_IF_ERROR(EnsureLive(files, path, flags));
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<Database> database,
                       Databases().Open(path, StoreOptions{settings.cache_mib << 20}));
  const bool read_only = IsReadOnly(files, path, flags);
  OpenLiveFile(file, name, std::make_unique<Connection>(std::move(database), settings, read_only));
  if (out_flags != nullptr) {
    *out_flags = read_only ? (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY : flags;
  }
  return {};
}

// --- the methods of the VFS

int OpenMainDatabase(sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  if (!IsLive(the_vfs.environment->files, name) && !AsksForEngine(name)) {
    return the_vfs.stock->xOpen(the_vfs.stock, name, file, flags, out_flags);
  }
  const Status status = OpenLive(name, file, flags, out_flags);
  // SQLite would try to read a file that could not be opened for writing, and hide the reason.
  const bool refused = status.Is(StatusCode::kReadOnly) || status.Is(StatusCode::kIoError);
  return refused ? Report(status, SQLITE_CANTOPEN) : Report(status);
}

int Open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  return Guarded([&] {
    file->pMethods = nullptr;
    if (name != nullptr && (flags & SQLITE_OPEN_MAIN_DB) != 0) return OpenMainDatabase(name, file, flags, out_flags);
    if (name != nullptr && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0) {
      Connection* const connection = FindConnection(sqlite3_filename_database(name));
      if (connection != nullptr && (flags & SQLITE_OPEN_WAL) != 0) {
        return Report(Status::CantOpen(connection->database().path() +
                                       " is a live database: stock SQLite's WAL mode is not used for it"));
      }
      if (connection != nullptr) {
        OpenJournalFile(the_vfs.stock, file, connection->JournalOpened());
        if (out_flags != nullptr) *out_flags = flags;
        return SQLITE_OK;
      }
    }
    return the_vfs.stock->xOpen(the_vfs.stock, name, file, flags, out_flags);
  });
}

// Whether the name is that of a journal or WAL that a live database would have if it were an ordinary one.
bool IsOfLiveDatabase(std::string_view name) {
  for (const std::string_view suffix : {kJournalSuffix, kWalSuffix}) {
    if (name.ends_with(suffix)) return IsOpenLive(std::string(name.substr(0, name.size() - suffix.size())));
  }
  return false;
}

int Delete(sqlite3_vfs*, const char* name, int sync_directory) {
  return Guarded([&] {
    if (IsOfLiveDatabase(name)) return SQLITE_OK;
    return the_vfs.stock->xDelete(the_vfs.stock, name, sync_directory);
  });
}

int Access(sqlite3_vfs*, const char* name, int flags, int* out) {
  return Guarded([&] {
    *out = 0;
    if (IsOfLiveDatabase(name)) return SQLITE_OK;
    return the_vfs.stock->xAccess(the_vfs.stock, name, flags, out);
  });
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
  return the_vfs.stock->xFullPathname(the_vfs.stock, name, size, out);
}
void* DlOpen(sqlite3_vfs*, const char* name) { return the_vfs.stock->xDlOpen(the_vfs.stock, name); }
void DlError(sqlite3_vfs*, int size, char* out) { the_vfs.stock->xDlError(the_vfs.stock, size, out); }
void (*DlSym(sqlite3_vfs*, void* library, const char* symbol))() {
  return the_vfs.stock->xDlSym(the_vfs.stock, library, symbol);
}
void DlClose(sqlite3_vfs*, void* library) { the_vfs.stock->xDlClose(the_vfs.stock, library); }
int Randomness(sqlite3_vfs*, int size, char* out) { return the_vfs.stock->xRandomness(the_vfs.stock, size, out); }
int SleepFor(sqlite3_vfs*, int microseconds) {
  SleepsOfThisThread()++;
  return the_vfs.stock->xSleep(the_vfs.stock, microseconds);
}
int CurrentTime(sqlite3_vfs*, double* out) { return the_vfs.stock->xCurrentTime(the_vfs.stock, out); }
int GetLastError(sqlite3_vfs*, int size, char* out) {
  if (size > 0 && !LastError().empty()) sqlite3_snprintf(size, out, "%s", LastError().c_str());
  return 0;
}
int CurrentTimeInt64(sqlite3_vfs*, sqlite3_int64* out) {
  if (the_vfs.stock->iVersion >= 2 && the_vfs.stock->xCurrentTimeInt64 != nullptr) {
    return the_vfs.stock->xCurrentTimeInt64(the_vfs.stock, out);
  }
  double days = 0;
  const int rc = the_vfs.stock->xCurrentTime(the_vfs.stock, &days);
  *out = static_cast<sqlite3_int64>(days * 86'400'000.0);
  return rc;
}

}  // namespace

int RegisterVfs(const Environment& environment, bool make_default) {
  const std::lock_guard lock(registration_mutex);
  if (!registered) {
    the_vfs.environment = &environment;
    the_vfs.stock = sqlite3_vfs_find(nullptr);
    if (the_vfs.stock == nullptr) return SQLITE_ERROR;
    sqlite3_vfs& methods = the_vfs.methods;
    methods = {};
    methods.iVersion = 2;
    methods.szOsFile = std::max({LiveFileSize(), JournalFileSize(), the_vfs.stock->szOsFile});
    methods.mxPathname = the_vfs.stock->mxPathname;
    methods.zName = kVfsName;
    methods.xOpen = &Open;
    methods.xDelete = &Delete;
    methods.xAccess = &Access;
    methods.xFullPathname = &FullPathname;
    methods.xDlOpen = &DlOpen;
    methods.xDlError = &DlError;
    methods.xDlSym = &DlSym;
    methods.xDlClose = &DlClose;
    methods.xRandomness = &Randomness;
    methods.xSleep = &SleepFor;
    methods.xCurrentTime = &CurrentTime;
    methods.xGetLastError = &GetLastError;
    methods.xCurrentTimeInt64 = &CurrentTimeInt64;
  }
  const bool is_default = sqlite3_vfs_find(nullptr) == &the_vfs.methods;
  const int rc = sqlite3_vfs_register(&the_vfs.methods, make_default || is_default ? 1 : 0);
  registered = registered || rc == SQLITE_OK;
  return rc;
}

int ReleaseLeases() { return registered ? Databases().ReleaseLeases() : 0; }

}  // namespace sqlite_efs
