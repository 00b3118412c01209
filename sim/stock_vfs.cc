#include "sim/stock_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "sim/file.h"
#include "sim/slots.h"

namespace sqlite_efs::sim {
namespace {

// https://www.sqlite.org/lockingv3.html : the bytes from 1 GiB on.
constexpr uint64_t kPending = 0x40000000;
constexpr uint64_t kReserved = kPending + 1;
constexpr uint64_t kShared = kPending + 2;
constexpr uint64_t kSharedLength = 510;
constexpr int kMaxPath_bytes = 512;
constexpr double kUnixEpoch_days = 2440587.5;

// A file of the server, or, without a name, one of the process's own in memory.
struct Opened {
  Process* process = nullptr;
  std::unique_ptr<File> file;
  std::vector<std::byte> memory;
  int level = SQLITE_LOCK_NONE;
  std::string delete_on_close;

  SimFile& sim() { return static_cast<SimFile&>(*file); }
};

struct StockFile {
  sqlite3_file base;
  Opened* opened;
};

Opened& Of(sqlite3_file* file) { return *reinterpret_cast<StockFile*>(file)->opened; }
FileSystem& Files() { return EnvironmentOf(*CurrentProcess()).files; }

int Close(sqlite3_file* file) {
  const std::unique_ptr<Opened> opened(&Of(file));
  if (!opened->delete_on_close.empty()) (void)Files().Remove(opened->delete_on_close);
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  Opened& opened = Of(file);
  const MutableBytes bytes(static_cast<std::byte*>(out), static_cast<size_t>(size));
  size_t done = 0;
  if (opened.file) {
    const Result<size_t> read = opened.file->ReadAt(static_cast<uint64_t>(offset), bytes);
    if (!read.ok()) return SQLITE_IOERR_READ;
    done = *read;
  } else if (static_cast<size_t>(offset) < opened.memory.size()) {
    done = std::min(bytes.size(), opened.memory.size() - static_cast<size_t>(offset));
    std::memcpy(out, &opened.memory[static_cast<size_t>(offset)], done);
  }
  std::fill(bytes.begin() + static_cast<ptrdiff_t>(done), bytes.end(), std::byte{0});
  return done == bytes.size() ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  Opened& opened = Of(file);
  const Bytes bytes(static_cast<const std::byte*>(data), static_cast<size_t>(size));
  if (opened.file) {
    const Status status = opened.file->WriteAt(static_cast<uint64_t>(offset), bytes);
    return status.ok() ? SQLITE_OK : status.Is(StatusCode::kFull) ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  const size_t end = static_cast<size_t>(offset) + bytes.size();
  if (opened.memory.size() < end) opened.memory.resize(end);
  std::memcpy(&opened.memory[static_cast<size_t>(offset)], data, bytes.size());
  return SQLITE_OK;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  Opened& opened = Of(file);
  if (opened.file) {
    return opened.file->Truncate(static_cast<uint64_t>(size)).ok() ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
  }
  opened.memory.resize(static_cast<size_t>(size));
  return SQLITE_OK;
}

int Sync(sqlite3_file* file, int) {
  Opened& opened = Of(file);
  return !opened.file || opened.file->Sync().ok() ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  Opened& opened = Of(file);
  *size = static_cast<sqlite3_int64>(opened.memory.size());
  if (!opened.file) return SQLITE_OK;
  const Result<FileAttributes> attributes = opened.file->Look();
  if (!attributes.ok()) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(attributes->size);
  return SQLITE_OK;
}

int TryLock(Opened& opened, uint64_t offset, uint64_t length, bool exclusive) {
  const Result<bool> taken = opened.sim().Lock(offset, length, exclusive);
  return !taken.ok() ? SQLITE_IOERR_LOCK : *taken ? SQLITE_OK : SQLITE_BUSY;
}

int LockShared(Opened& opened) {
  int rc = TryLock(opened, kPending, 1, false);
  if (rc != SQLITE_OK) return rc;
  rc = TryLock(opened, kShared, kSharedLength, false);
  (void)opened.file->Unlock(kPending, 1);
  return rc;
}

int LockExclusive(Opened& opened) {
  const int rc = opened.level < SQLITE_LOCK_PENDING ? TryLock(opened, kPending, 1, true) : SQLITE_OK;
  if (rc != SQLITE_OK) return rc;
  opened.level = SQLITE_LOCK_PENDING;
  return TryLock(opened, kShared, kSharedLength, true);
}

int Lock(sqlite3_file* file, int level) {
  Opened& opened = Of(file);
  if (opened.level >= level || !opened.file) return SQLITE_OK;
  const int rc = level == SQLITE_LOCK_SHARED     ? LockShared(opened)
                 : level == SQLITE_LOCK_RESERVED ? TryLock(opened, kReserved, 1, true)
                                                 : LockExclusive(opened);
  if (rc == SQLITE_OK) opened.level = level;
  return rc;
}

int Unlock(sqlite3_file* file, int level) {
  Opened& opened = Of(file);
  if (opened.level <= level || !opened.file) return SQLITE_OK;
  if (level == SQLITE_LOCK_SHARED) {
    if (TryLock(opened, kShared, kSharedLength, false) != SQLITE_OK) return SQLITE_IOERR_RDLOCK;
    (void)opened.file->Unlock(kPending, 2);
  } else {
    (void)opened.file->Unlock(kPending, 2 + kSharedLength);
  }
  opened.level = level;
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file* file, int* held) {
  Opened& opened = Of(file);
  *held = opened.level >= SQLITE_LOCK_RESERVED ? 1 : 0;
  if (*held != 0 || !opened.file) return SQLITE_OK;
  const int rc = TryLock(opened, kReserved, 1, true);
  *held = rc == SQLITE_BUSY ? 1 : 0;
  if (rc == SQLITE_OK) (void)opened.file->Unlock(kReserved, 1);
  return rc == SQLITE_IOERR_LOCK ? rc : SQLITE_OK;
}

int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return 0; }
int DeviceCharacteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods kMethods = {1,
                                     &Close,
                                     &Read,
                                     &Write,
                                     &Truncate,
                                     &Sync,
                                     &FileSize,
                                     &Lock,
                                     &Unlock,
                                     &CheckReservedLock,
                                     &FileControl,
                                     &SectorSize,
                                     &DeviceCharacteristics,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr};

OpenMode ModeOf(int flags) {
  if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0) return OpenMode::kCreateNew;
  if ((flags & SQLITE_OPEN_CREATE) != 0) return OpenMode::kCreateOrOpen;
  return (flags & SQLITE_OPEN_READWRITE) != 0 ? OpenMode::kReadWrite : OpenMode::kRead;
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  auto opened = std::make_unique<Opened>();
  opened->process = CurrentProcess();
  if (name != nullptr) {
    Result<std::unique_ptr<File>> result = Files().Open(name, ModeOf(flags), 0644);
    if (!result.ok() && (flags & SQLITE_OPEN_READWRITE) != 0 && result.status().Is(StatusCode::kReadOnly)) {
      flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
      result = Files().Open(name, OpenMode::kRead, 0644);
    }
    if (!result.ok()) return SQLITE_CANTOPEN;
    opened->file = std::move(*result);
    if ((flags & SQLITE_OPEN_DELETEONCLOSE) != 0) opened->delete_on_close = name;
  }
  reinterpret_cast<StockFile*>(file)->opened = opened.release();
  file->pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs*, const char* name, int) {
  const Status removed = Files().Remove(name);
  if (removed.Is(StatusCode::kNotFound)) return SQLITE_IOERR_DELETE_NOENT;
  return removed.ok() ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

int Access(sqlite3_vfs*, const char* name, int flags, int* out) {
  if (flags != SQLITE_ACCESS_EXISTS) {
    *out = Files().MayWrite(name) ? 1 : 0;
    return SQLITE_OK;
  }
  const Result<FileAttributes> found = Files().Stat(name);
  *out = found.ok() && (found->is_directory || found->size > 0) ? 1 : 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs*, int size, char* out) {
  World* const world = World::Present();
  for (int i = 0; i < size; i++) out[i] = world == nullptr ? '\0' : static_cast<char>(world->random.Next());
  return size;
}

int SleepFor(sqlite3_vfs*, int microseconds) {
  EnvironmentOf(*CurrentProcess()).clock.Sleep(std::chrono::microseconds(microseconds));
  return microseconds;
}

int CurrentTime(sqlite3_vfs*, double* out) {
  const Process* const process = CurrentProcess();
  *out = kUnixEpoch_days + (process == nullptr ? 0 : static_cast<double>(process->host->Wall_ms())) / 86'400'000.0;
  return SQLITE_OK;
}

int GetLastError(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

void RegisterStockVfs() {
  static sqlite3_vfs vfs = {};
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(StockFile);
  vfs.mxPathname = kMaxPath_bytes;
  vfs.zName = kStockVfs;
  vfs.xOpen = &Open;
  vfs.xDelete = &Delete;
  vfs.xAccess = &Access;
  vfs.xFullPathname = &FullPathname;
  vfs.xRandomness = &Randomness;
  vfs.xSleep = &SleepFor;
  vfs.xCurrentTime = &CurrentTime;
  vfs.xGetLastError = &GetLastError;
  sqlite3_vfs_register(&vfs, 1);
}

}  // namespace sqlite_efs::sim
