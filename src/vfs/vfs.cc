#include "vfs/vfs.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>

#include "store/detach.h"
#include "store/layout.h"
#include "vfs/errors.h"
#include "vfs/handover.h"
#include "vfs/journal_file.h"
#include "vfs/live_file.h"
#include "vfs/ordinary.h"
#include "vfs/settings.h"
#include "vfs/sqlite.h"

namespace sqlite_efs {
namespace {

constexpr uint32_t kNewFilePermissions = 0644;
constexpr Duration kAttachPoll = std::chrono::milliseconds(10);
constexpr std::string_view kJournalSuffix = "-journal";
constexpr std::string_view kWalSuffix = "-wal";

// The databases of one process: those of its parent are left alone after fork().
struct Databases {
  uint64_t fork_generation;
  DatabaseRegistry registry;
};

// A registered VFS. It lives as long as the process.
struct Vfs {
  sqlite3_vfs methods = {};
  sqlite3_vfs* stock = nullptr;
  const Environment* environment = nullptr;
  std::string name;
  std::atomic<Databases*> databases{nullptr};
  Vfs* older = nullptr;

  DatabaseRegistry& registry() {
    Databases* present = databases.load(std::memory_order_acquire);
    while (present == nullptr || present->fork_generation != ForkGeneration()) {
      auto fresh = std::unique_ptr<Databases>(new Databases{ForkGeneration(), DatabaseRegistry(*environment)});
      if (databases.compare_exchange_strong(present, fresh.get(), std::memory_order_acq_rel)) present = fresh.release();
    }
    return present->registry;
  }
};

// All that are registered, newest first. Read without a lock, which a child of fork() might find taken for ever.
std::atomic<Vfs*> newest_vfs{nullptr};
std::mutex registration_mutex;

// The journals of ordinary files that were opened here, and are not deleted yet: a connection to the same, still empty
// file through the engine must not hide them from the one that they belong to. Thread-safe.
class OrdinaryJournals {
 public:
  void Add(const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_.insert(name);
  }
  bool Remove(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return names_.erase(name) != 0;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> names_;
};

OrdinaryJournals& Journals() {
  static auto* journals = new OrdinaryJournals;  // connections may be open to the end of the process
  return *journals;
}

Vfs& Of(sqlite3_vfs* vfs) { return *static_cast<Vfs*>(vfs->pAppData); }
sqlite3_vfs* Stock(sqlite3_vfs* vfs) { return Of(vfs).stock; }

// --- opening a live database

// Without SQLITE_OPEN_URI there is nothing behind a name that may be read.
Result<Settings> SettingsOf(sqlite3_filename name, int flags) {
  std::vector<UriParameter> parameters;
  if ((flags & SQLITE_OPEN_URI) == 0) return ParseSettings(parameters, &ReadEnvironment);
  for (int i = 0; const char* key = sqlite3_uri_key(name, i); i++) {
    const char* value = sqlite3_uri_parameter(name, key);
    parameters.push_back({key, value == nullptr ? "" : value});
  }
  return ParseSettings(parameters, &ReadEnvironment);
}

bool AsksForEngine(const Vfs& vfs, sqlite3_filename name, int flags) {
  const char* asked = (flags & SQLITE_OPEN_URI) != 0 ? sqlite3_uri_parameter(name, "vfs") : nullptr;
  return asked != nullptr && vfs.name == asked;
}

// Makes sure that the file is there: a new one is empty, and becomes a database with its first commit.
Status EnsureFile(FileSystem& files, const std::string& path, int flags) {
  const Result<FileAttributes> found = files.Stat(path);
  if (found.ok()) {
    if (!found->is_directory) return {};
    return Status::CantOpen(path + " is a directory; name the database file in it");
  }
  if (!found.status().Is(StatusCode::kNotFound)) return found.status();
  if (!files.Stat(FolderOf(path)).ok()) {
    return Status::CantOpen("the directory " + FolderOf(path) + " does not exist; create it, or correct the path " +
                            path);
  }
  if (IsLive(files, path)) {
    return Status::CantOpen(path + " is missing, but its log " + Layout(path).directory() +
                            " is there; restore the file from a backup, or move the log away");
  }
  if ((flags & SQLITE_OPEN_CREATE) == 0) {
    return Status::CantOpen("there is no database " + path + ", and it is not to be created");
  }
  const Result<std::unique_ptr<File>> made = files.Open(path, OpenMode::kCreateOrOpen, kNewFilePermissions);
  if (made.ok()) return {};
  return Status::CantOpen(made.status().message() + "; the database cannot be created there");
}

// What opening a database goes by.
struct Opening {
  const std::string& path;
  const int flags;
  const Settings& settings;
};

// Makes an ordinary database live on its first use.
Status EnsureLive(Vfs& vfs, const Opening& opening, Handover& handover) {
  const std::string& path = opening.path;
  FileSystem& files = vfs.environment->files;
  if (IsLive(files, path)) return CheckNoJournal(files, path);
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, files.Stat(path));
  if (file.size == 0) return CheckNoJournal(files, path);
  if ((opening.flags & SQLITE_OPEN_READWRITE) == 0) {
    return Status::CantOpen(path +
                            " is an ordinary database, and making it live needs writing; open it for writing "
                            "once, or run: sqlite-efs attach " +
                            path);
  }
  EFS_RETURN_IF_ERROR(CheckLeaseServesAll(opening.settings, path));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> readable, files.Open(path, OpenMode::kRead));
  if (!files.MayWrite(path) || !files.MayWrite(FolderOf(path))) {
    return Status::ReadOnly(path +
                            " is an ordinary database, and making it live needs permission to write to it and "
                            "to its directory; grant it once, or open it without vfs=efs to read it");
  }
  return handover.Attach(vfs.stock->zName);
}

// A site's first start meets an attach by another of its processes, or stock SQLite for a moment: that is waited for.
Status EnsureLiveInTime(Vfs& vfs, const Opening& opening, Instant deadline) {
  Clock& clock = vfs.environment->clock;
  Handover handover(*vfs.environment, opening.settings, opening.path);
  Status status = EnsureLive(vfs, opening, handover);
  while (status.Is(StatusCode::kBusy) && clock.Now() < deadline) {
    clock.Sleep(kAttachPoll);
    status = EnsureLive(vfs, opening, handover);
  }
  return status;
}

// Why this process may not write to the database; OK if it may.
Status CheckWritable(FileSystem& files, const std::string& path) {
  const std::string directory = IsLive(files, path) ? Layout(path).directory() : FolderOf(path);
  for (const std::string& needed : {path, directory}) {
    if (files.MayWrite(needed)) continue;
    return Status::ReadOnly("attempt to write a readonly database: this process has no permission to write to " +
                            needed + "; grant it (to the file and its log directory) and open the database anew");
  }
  return {};
}

Result<std::shared_ptr<Database>> OpenDatabase(Vfs& vfs, const Opening& opening) {
  const std::string& path = opening.path;
  const StoreOptions options = OptionsOf(opening.settings);
  const Instant deadline = vfs.environment->clock.Now() + opening.settings.timeout;
  EFS_RETURN_IF_ERROR(EnsureLiveInTime(vfs, opening, deadline));
  Result<std::shared_ptr<Database>> database =
      vfs.registry().Open(path, options, deadline - vfs.environment->clock.Now());
  // A detach was broken off after it had ended the log: what is left of it is removed, and the file goes live again.
  if (database.ok() || (opening.flags & SQLITE_OPEN_READWRITE) == 0) return database;
  const Result<bool> detached = IsDetached(vfs.environment->files, Layout(path));
  if (!database.status().Is(StatusCode::kStale) && !(detached.ok() && *detached)) return database;
  EFS_RETURN_IF_ERROR(CheckLeaseServesAll(opening.settings, path));
  EFS_RETURN_IF_ERROR(FinishDetach(*vfs.environment, Layout(path), deadline));
  EFS_RETURN_IF_ERROR(EnsureLiveInTime(vfs, opening, deadline));
  return vfs.registry().Open(path, options, deadline - vfs.environment->clock.Now());
}

Status OpenLive(Vfs& vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  FileSystem& files = vfs.environment->files;
  const std::string path = name;
  EFS_ASSIGN_OR_RETURN(const Settings settings, SettingsOf(name, flags));
  EFS_RETURN_IF_ERROR(EnsureFile(files, path, flags));
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<Database> database, OpenDatabase(vfs, {path, flags, settings}));
  Status writable = CheckWritable(files, path);
  if (writable.ok()) writable = CheckLeaseServesAll(settings, path);
  if ((flags & SQLITE_OPEN_READWRITE) == 0) writable = Status::ReadOnly(path + " was opened for reading only");
  OpenLiveFile(file, name, std::make_unique<Connection>(std::move(database), settings, std::move(writable)));
  if (out_flags != nullptr) *out_flags = flags;
  return {};
}

// --- the methods of the VFS

int OpenMainDatabase(Vfs& vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  // A new file that this process has open here becomes live by its first commit, whatever name it is opened by besides.
  const bool ours = AsksForEngine(vfs, name, flags) || IsOpenLive(name);
  if (!ours && !IsLive(vfs.environment->files, name)) {
    return vfs.stock->xOpen(vfs.stock, name, file, flags, out_flags);
  }
  const Status status = OpenLive(vfs, name, file, flags, out_flags);
  // SQLite would try to read a file that could not be opened for writing, and hide the reason.
  const bool refused = status.Is(StatusCode::kReadOnly) || status.Is(StatusCode::kIoError);
  return refused ? Report(status, SQLITE_CANTOPEN) : Report(status);
}

int Open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  return Guarded([&] {
    file->pMethods = nullptr;
    if (name != nullptr && (flags & SQLITE_OPEN_MAIN_DB) != 0)
      return OpenMainDatabase(Of(vfs), name, file, flags, out_flags);
    if (name != nullptr && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0) {
      Connection* const connection = FindConnection(sqlite3_filename_database(name));
      if (connection != nullptr && (flags & SQLITE_OPEN_WAL) != 0) {
        return Report(Status::CantOpen(connection->database().path() +
                                       " is a live database: stock SQLite's WAL mode is not used for it"));
      }
      if (connection != nullptr) {
        OpenJournalFile(Stock(vfs), file, connection->JournalOpened());
        if (out_flags != nullptr) *out_flags = flags;
        return SQLITE_OK;
      }
    }
    const int rc = Stock(vfs)->xOpen(Stock(vfs), name, file, flags, out_flags);
    if (rc == SQLITE_OK && name != nullptr && (flags & SQLITE_OPEN_MAIN_JOURNAL) != 0) Journals().Add(name);
    return rc;
  });
}

// Whether the name is that of a journal or WAL that a live database would have if it were an ordinary one.
bool IsOfLiveDatabase(std::string_view name) {
  for (const std::string_view suffix : {kJournalSuffix, kWalSuffix}) {
    if (name.ends_with(suffix)) return IsOpenLive(std::string(name.substr(0, name.size() - suffix.size())));
  }
  return false;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  return Guarded([&] {
    const bool ordinary = Journals().Remove(name);
    const bool live = IsOfLiveDatabase(name);
    if (!ordinary && live) return SQLITE_OK;
    const int rc = Stock(vfs)->xDelete(Stock(vfs), name, sync_directory);
    // Another process may have removed it, long ago.
    return live && rc == SQLITE_IOERR_DELETE_NOENT ? SQLITE_OK : rc;
  });
}

int Access(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  return Guarded([&] {
    *out = 0;
    if (IsOfLiveDatabase(name)) return SQLITE_OK;
    return Stock(vfs)->xAccess(Stock(vfs), name, flags, out);
  });
}

int FullPathname(sqlite3_vfs* vfs, const char* name, int size, char* out) {
  return Guarded([&] {
    const int rc = Stock(vfs)->xFullPathname(Stock(vfs), name, size, out);
    const bool resolved = rc == SQLITE_OK || rc == SQLITE_OK_SYMLINK;
    return resolved ? rc : Report(Status::CantOpen(std::string("the path ") + name + " cannot be resolved"), rc);
  });
}
void* DlOpen(sqlite3_vfs* vfs, const char* name) { return Stock(vfs)->xDlOpen(Stock(vfs), name); }
void DlError(sqlite3_vfs* vfs, int size, char* out) { Stock(vfs)->xDlError(Stock(vfs), size, out); }
void (*DlSym(sqlite3_vfs* vfs, void* library, const char* symbol))() {
  return Stock(vfs)->xDlSym(Stock(vfs), library, symbol);
}
void DlClose(sqlite3_vfs* vfs, void* library) { Stock(vfs)->xDlClose(Stock(vfs), library); }
int Randomness(sqlite3_vfs* vfs, int size, char* out) { return Stock(vfs)->xRandomness(Stock(vfs), size, out); }
int SleepFor(sqlite3_vfs* vfs, int microseconds) {
  SleepsOfThisThread()++;
  Of(vfs).environment->clock.Sleep(std::chrono::microseconds(microseconds));
  return microseconds;
}
int CurrentTime(sqlite3_vfs* vfs, double* out) { return Stock(vfs)->xCurrentTime(Stock(vfs), out); }
int GetLastError(sqlite3_vfs*, int size, char* out) {
  if (size > 0 && !LastError().empty()) sqlite3_snprintf(size, out, "%s", LastError().c_str());
  return 0;
}
int CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* out) {
  if (Stock(vfs)->iVersion >= 2 && Stock(vfs)->xCurrentTimeInt64 != nullptr) {
    return Stock(vfs)->xCurrentTimeInt64(Stock(vfs), out);
  }
  double days = 0;
  const int rc = Stock(vfs)->xCurrentTime(Stock(vfs), &days);
  *out = static_cast<sqlite3_int64>(days * 86'400'000.0);
  return rc;
}

}  // namespace

int RegisterVfs(const Environment& environment, bool make_default, const std::string& name) {
  const std::lock_guard lock(registration_mutex);
  for (Vfs* vfs = newest_vfs.load(); vfs != nullptr; vfs = vfs->older) {
    if (vfs->name != name) continue;
    const bool is_default = sqlite3_vfs_find(nullptr) == &vfs->methods;
    return sqlite3_vfs_register(&vfs->methods, make_default || is_default ? 1 : 0);
  }
  auto vfs = std::make_unique<Vfs>();
  vfs->name = name;
  vfs->environment = &environment;
  vfs->stock = sqlite3_vfs_find(nullptr);
  if (vfs->stock == nullptr) return SQLITE_ERROR;
  sqlite3_vfs& methods = vfs->methods;
  methods.iVersion = 2;
  methods.szOsFile = std::max({LiveFileSize(), JournalFileSize(), vfs->stock->szOsFile});
  methods.mxPathname = vfs->stock->mxPathname;
  methods.zName = vfs->name.c_str();
  methods.pAppData = vfs.get();
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
  const int rc = sqlite3_vfs_register(&methods, make_default ? 1 : 0);
  vfs->older = newest_vfs.load();
  if (rc == SQLITE_OK) newest_vfs.store(vfs.release());
  return rc;
}

void ForgetDatabases(const std::string& name) {
  for (Vfs* vfs = newest_vfs.load(); vfs != nullptr; vfs = vfs->older) {
    if (vfs->name == name) delete vfs->databases.exchange(nullptr);
  }
}

int ReleaseLeases(Status* failure) {
  int released = 0;
  for (Vfs* vfs = newest_vfs.load(); vfs != nullptr; vfs = vfs->older) {
    released += vfs->registry().ReleaseLeases(failure);
  }
  return released;
}

}  // namespace sqlite_efs
