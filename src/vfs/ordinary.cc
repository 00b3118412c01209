#include "vfs/ordinary.h"

#include <cstring>
#include <memory>

#include "base/uuid.h"
#include "os/watch.h"
#include "store/attach.h"
#include "store/base_file.h"
#include "vfs/sqlite.h"

namespace sqlite_efs {
namespace {

struct CloseConnection {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using StockConnection = std::unique_ptr<sqlite3, CloseConnection>;

Status StockError(sqlite3* db, int rc, const std::string& path) {
  const int primary = rc & 0xff;
  if (primary == SQLITE_BUSY) {
    return Status::Busy(path + " cannot be made live while another program has it open; close that and try again");
  }
  const std::string message = path + " cannot be made live: stock SQLite says \"" + sqlite3_errmsg(db) + "\"";
  if (primary == SQLITE_NOTADB) {
    return {StatusCode::kNotDatabase, path + " is not an SQLite database; name another file, or restore it"};
  }
  if (primary == SQLITE_FULL) return {StatusCode::kFull, message};
  if (primary == SQLITE_READONLY) return Status::ReadOnly(message);
  if (primary == SQLITE_CORRUPT) return Status::Corrupt(message + "; restore it from a backup");
  return Status::CantOpen(message);
}

Status Empty(const std::string& path) { return Status::Busy(path + " is empty: it is being created; try again"); }

// Runs a statement and returns the first column of its first row.
Result<std::string> Run(sqlite3* db, const std::string& sql, const std::string& path) {
  sqlite3_stmt* statement = nullptr;
  int rc = sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr);
  std::string answer;
  if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
    const unsigned char* text = sqlite3_column_text(statement, 0);
    if (text != nullptr) answer = reinterpret_cast<const char*>(text);
    rc = SQLITE_OK;
  }
  const int finalized = sqlite3_finalize(statement);
  if (rc == SQLITE_OK || rc == SQLITE_DONE) rc = finalized;
  if (rc != SQLITE_OK) return StockError(db, rc, path);
  return answer;
}

// Has stock SQLite recover what is left of earlier transactions: no journal and no `-wal` file stay. It writes nothing
// else: a journal that a host makes late, when it was frozen in here, would be played back into what came after.
Status Recover(const std::string& path, const char* stock_vfs) {
  sqlite3* opened = nullptr;
  const int rc = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, stock_vfs);
  const StockConnection db(opened);
  if (rc != SQLITE_OK) return StockError(db.get(), rc, path);
  // Exclusive locking needs no shared memory, which a network file system does not have.
  for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA schema_version"}) {
    const Result<std::string> done = Run(db.get(), sql, path);
    if (!done.ok()) return done.status();
  }
  // Of an empty file BEGIN would make a database.
  EFS_ASSIGN_OR_RETURN(const std::string pages, Run(db.get(), "PRAGMA page_count", path));
  if (pages == "0") return Empty(path);
  // Finds other users, also those of this process, whose locks the system does not tell from our own.
  for (const char* sql : {"BEGIN EXCLUSIVE", "COMMIT"}) {
    const Result<std::string> done = Run(db.get(), sql, path);
    if (!done.ok()) return done.status();
  }
  EFS_ASSIGN_OR_RETURN(const std::string busy, Run(db.get(), "PRAGMA wal_checkpoint(TRUNCATE)", path));
  if (busy != "0") return Status::Busy(path + " cannot be made live while another program reads it");
  return {};
}

// What lies in the place of the log directory must be what stock SQLite can recover: it would overwrite anything else.
Status CheckWalFile(FileSystem& files, const Layout& layout) {
  const Result<std::string> start = ReadSmallFile(files, layout.directory(), 4);
  if (start.status().Is(StatusCode::kNotFound) || IsLive(files, layout.base())) return {};
  EFS_RETURN_IF_ERROR(start.status());
  if (start->find_first_not_of('\0') == std::string::npos || *start == "\x37\x7f\x06\x82" ||
      *start == "\x37\x7f\x06\x83")
    return {};
  return Status::CantOpen(layout.directory() +
                          " is neither a log directory nor a WAL file of SQLite; move it away, or " +
                          "restore the directory from a backup");
}

// Keeps stock SQLite away from now until the database is live, if nobody has left anything to recover meanwhile.
Result<std::unique_ptr<File>> LockRecovered(FileSystem& files, const Layout& layout) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(layout.base(), OpenMode::kReadWrite));
  EFS_ASSIGN_OR_RETURN(const bool locked, file->TryLock(kSqliteLockOffset, kSqliteLockLength));
  // IsLive() first: the look-ups after it are as the file server says, not as this host remembers.
  const bool untouched = !IsLive(files, layout.base()) && !files.Stat(layout.directory()).ok() &&
                         CheckNoJournal(files, layout.base()).ok();
  if (locked && untouched) return file;
  return Status::Busy(layout.base() + " cannot be made live: another program opened it meanwhile; close that and try " +
                      "again");
}

Status MakeLive(const Environment& environment, const Layout& layout, const char* stock_vfs,
                const GoingLive& going_live) {
  FileSystem& files = environment.files;
  EFS_RETURN_IF_ERROR(Recover(layout.base(), stock_vfs));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, LockRecovered(files, layout));
  EFS_RETURN_IF_ERROR(UndoBrokenCreation(*lock));
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, lock->Look());
  if (attributes.size == 0) return Empty(layout.base());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<BaseFile> base, BaseFile::Open(files, layout.base()));
  // When all that needs space is there: a full disk leaves the file as it was.
  const auto change_header = [&](const Layout&) -> Status {
    if (going_live) EFS_RETURN_IF_ERROR(going_live());
    EFS_RETURN_IF_ERROR(SetWalMode(*lock));
    return StampBase(*lock, environment.clock, environment.merge.tick);
  };
  const std::string id = NewUuid();
  EFS_RETURN_IF_ERROR(CreateLogDirectory(files, layout, base->page_size(), change_header, id));
  Watch watch(layout.base());
  watch.SetDatabaseId(id);
  watch.Tell(environment.clock, "attach");
  (void)files.Remove(layout.base() + "-shm");  // of a stock SQLite that died; nothing reads it any more
  return {};
}

Result<FileAttributes> LookAt(FileSystem& files, const std::string& path) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kRead));
  return file->Look();
}

// Whether a failure speaks of the file, and not of who else uses it.
bool BlamesTheFile(const Status& status) {
  return status.Is(StatusCode::kCorrupt) || status.Is(StatusCode::kNotDatabase) || status.Is(StatusCode::kCantOpen);
}

}  // namespace

Status CheckNoJournal(FileSystem& files, const std::string& path) {
  const Layout layout(path);
  const Result<std::string> start = ReadSmallFile(files, layout.journal(), 8);
  if (start.status().Is(StatusCode::kNotFound)) return {};
  // A journal that was ended in order is empty or begins with zeros.
  if (start.ok() && start->find_first_not_of('\0') == std::string::npos) return {};
  return Status::CantOpen(layout.journal() + " lies beside the live database " + path +
                          ": stock SQLite would play it back into the database and damage it; move it away");
}

Status AttachDatabase(const Environment& environment, const std::string& path, const char* stock_vfs,
                      const GoingLive& going_live) {
  FileSystem& files = environment.files;
  const Layout layout(path);
  EFS_RETURN_IF_ERROR(CheckAttachable(files, layout));
  EFS_RETURN_IF_ERROR(CheckWalFile(files, layout));
  EFS_ASSIGN_OR_RETURN(const FileAttributes before, LookAt(files, path));
  const Status made = MakeLive(environment, layout, stock_vfs, going_live);
  // Who came second finds it live by now; but an error of the disk stays one.
  const bool second = !made.ok() && !made.Is(StatusCode::kIoError);
  if (second && IsLive(files, path)) return {};
  if (made.Is(StatusCode::kExists) || made.Is(StatusCode::kNotFound)) {
    return Status::Busy(path + " cannot be made live: another program opened it meanwhile (" + made.message() + ")");
  }
  // A machine that was frozen in here has lost its lock, and stock SQLite has read parts of two states.
  if (BlamesTheFile(made)) {
    const Result<FileAttributes> after = LookAt(files, path);
    if (after.ok() && *after != before) {
      return Status::Busy(path + " cannot be made live: another program changed it meanwhile (" + made.message() + ")");
    }
  }
  return made;
}

}  // namespace sqlite_efs
