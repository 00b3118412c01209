#include "vfs/live_file.h"

#include <map>
#include <mutex>
#include <string_view>

#include "vfs/errors.h"
#include "vfs/vfs.h"

namespace sqlite_efs {
namespace {

struct LiveFile {
  sqlite3_file base;
  const char* name;
  Connection* connection;
};

// The open live files of the process, by the pointer that SQLite names each by.
struct OpenFiles {
  std::mutex mutex;
  std::map<const char*, Connection*> by_name;
  std::map<std::string, int, std::less<>> count_by_path;
};
OpenFiles& Files() {
  static auto* files = new OpenFiles;
  return *files;
}

Connection& Of(sqlite3_file* file) { return *reinterpret_cast<LiveFile*>(file)->connection; }

int Inherited(const Connection& connection) {
  return Report(Status::IoError("the connection to " + connection.database().path() +
                                " was opened before fork() and cannot be used by the child; open it anew there"));
}

template <typename Function>
int Call(sqlite3_file* file, Function&& function) noexcept {
  return Guarded([&] {
    Connection& connection = Of(file);
    return connection.is_inherited() ? Inherited(connection) : function(connection);
  });
}

int Close(sqlite3_file* file) {
  auto* const live = reinterpret_cast<LiveFile*>(file);
  // What a child of fork() inherited belongs to its parent, down to the locks: it is left alone.
  if (live->connection->is_inherited()) return SQLITE_OK;
  return Guarded([&] {
    const std::unique_ptr<Connection> connection(live->connection);
    const std::lock_guard lock(Files().mutex);
    Files().by_name.erase(live->name);
    const auto path = Files().count_by_path.find(std::string_view(live->name));
    if (path != Files().count_by_path.end() && --path->second == 0) Files().count_by_path.erase(path);
    return SQLITE_OK;
  });
}

int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  return Call(file, [&](Connection& c) {
    return c.Read({static_cast<std::byte*>(out), static_cast<size_t>(size)}, static_cast<uint64_t>(offset));
  });
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  return Call(file, [&](Connection& c) {
    return c.Write({static_cast<const std::byte*>(data), static_cast<size_t>(size)}, static_cast<uint64_t>(offset));
  });
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Call(file, [&](Connection& c) { return c.Truncate(static_cast<uint64_t>(size)); });
}

// The commit is durable before it is acknowledged, in FileControl(); there is nothing left to do.
int Sync(sqlite3_file*, int) { return SQLITE_OK; }

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Call(file, [&](Connection& c) { return c.FileSize(size); });
}

int Lock(sqlite3_file* file, int level) {
  return Call(file, [&](Connection& c) { return c.Lock(level); });
}

int Unlock(sqlite3_file* file, int level) {
  return Call(file, [&](Connection& c) { return c.Unlock(level); });
}

// Asked only about hot journals, which a live database does not have.
int CheckReservedLock(sqlite3_file*, int* held) {
  *held = 0;
  return SQLITE_OK;
}

int FileControl(sqlite3_file* file, int operation, void* argument) {
  switch (operation) {
    case SQLITE_FCNTL_SYNC:
      return Call(file, [&](Connection& c) { return c.Sync(); });
    case SQLITE_FCNTL_PRAGMA:
      return Call(file, [&](Connection& c) { return c.Pragma(static_cast<char**>(argument)); });
    case SQLITE_FCNTL_VFSNAME:
      *static_cast<char**>(argument) = sqlite3_mprintf("%s", kVfsName);
      return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED:
      *static_cast<int*>(argument) = 0;  // the look after each commit would notice
      return SQLITE_OK;
    case SQLITE_FCNTL_COMMIT_PHASETWO:
    case SQLITE_FCNTL_SIZE_HINT:
      return SQLITE_OK;
    default:
      return SQLITE_NOTFOUND;
  }
}

int SectorSize(sqlite3_file*) { return 512; }

// The journal serves this process alone: its order and its tail cannot be lost.
int DeviceCharacteristics(sqlite3_file*) {
  return SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// Version 1: neither shared memory nor memory mapping.
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

}  // namespace

int LiveFileSize() { return sizeof(LiveFile); }

void OpenLiveFile(sqlite3_file* file, const char* name, std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(Files().mutex);
  Files().by_name[name] = connection.get();
  Files().count_by_path[name]++;
  auto* const live = reinterpret_cast<LiveFile*>(file);
  live->name = name;
  live->connection = connection.release();
  live->base.pMethods = &kMethods;
}

Connection* FindConnection(const char* name) {
  const std::lock_guard lock(Files().mutex);
  const auto found = Files().by_name.find(name);
  return found == Files().by_name.end() ? nullptr : found->second;
}

bool IsOpenLive(const std::string& path) {
  const std::lock_guard lock(Files().mutex);
  return Files().count_by_path.contains(path);
}

}  // namespace sqlite_efs
