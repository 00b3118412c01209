#ifndef SQLITE_EFS_OS_FILE_SYSTEM_H_
#define SQLITE_EFS_OS_FILE_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace sqlite_efs {

// What one look at a file's attributes shows.
struct FileAttributes {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;     // bytes
  uint64_t links = 0;    // names; 0: removed
  uint32_t mode = 0;     // permission bits, 07777
  int64_t mtime_ns = 0;  // by the file server's clock
  bool is_directory = false;
  bool operator==(const FileAttributes&) const = default;
};

// A piece of a file to be read.
struct ReadRequest {
  uint64_t offset = 0;
  MutableBytes out;
  size_t done = 0;  // bytes read, as ReadAt() returns them
};

// An open file: a descriptor, closed with the object. Thread-safe, except that closing must not race with use.
// "Asks the server" means one round trip on NFS, and never an answer from a cache.
class File {
 public:
  virtual ~File() = default;

  // Reads from `offset` until `out` is full or the file ends; returns the bytes read. Opened as kReadFresh, it asks the
  // server. Otherwise NFS may answer from this host's cache, which may be older than the last Look(): Linux drops
  // nothing of it while any process of the host has the file open for writing, or when two changes have one stamp.
  virtual Result<size_t> ReadAt(uint64_t offset, MutableBytes out) = 0;

  // The same for several pieces, in no certain order. Opened as kReadFresh on NFS, all are under way together, so that
  // they take about as long as one; where the system has no such calls, one after the other.
  virtual Status ReadAll(std::span<ReadRequest> requests) {
    for (ReadRequest& request : requests) {
      EFS_ASSIGN_OR_RETURN(request.done, ReadAt(request.offset, request.out));
    }
    return {};
  }

  // Writes all of `data` at `offset`, or fails; after a failure any part of it may have been, or may yet be, written.
  virtual Status WriteAt(uint64_t offset, Bytes data) = 0;

  // Makes what was written, and the file's size, durable. After a failure nothing is known.
  virtual Status Sync() = 0;

  // Brings what was written to the file server, which may refuse it (no space), so that older content shows again. On a
  // local disk nothing: there a write that has returned is seen by all of the machine. After a failure nothing is
  // known.
  virtual Status Flush() { return Sync(); }

  // Sets the size. Growing leaves zeros and allocates nothing.
  virtual Status Truncate(uint64_t size) = 0;

  // The attributes, from the server. kStale if the file was removed on another host.
  virtual Result<FileAttributes> Look() = 0;

  // The attributes as they were when the file was opened, from the server. Of a file opened as kReadFresh.
  virtual const FileAttributes& Opened() const = 0;

  // Sets the times to the file server's present, and looks: the attributes are the server's as they are then. Needs
  // permission to write, not ownership. One round trip: NFS answers the one with the other.
  virtual Result<FileAttributes> TouchAndLook() = 0;

  // Sets the permission bits; seen at once by every Look() on every host.
  virtual Status ChangeMode(uint32_t mode) = 0;

  // Takes an exclusive open-file-description lock on [offset, offset + length), or says false if it is held
  // elsewhere. It ends with Unlock(), with the object and with the process. NFS: a byte-range lock, one round trip.
  virtual Result<bool> TryLock(uint64_t offset, uint64_t length) = 0;
  virtual Status Unlock(uint64_t offset, uint64_t length) = 0;

  // The path that it was opened by, for messages.
  virtual const std::string& path() const = 0;
};

enum class OpenMode { kRead, kReadFresh, kWrite, kReadWrite, kCreateNew, kCreateOrOpen };

// The dozen calls on a file system that the protocol needs. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // kReadFresh: read-only, past this host's cache; for files. kWrite: write-only (NFS need not read what it
  // overwrites). kCreateNew: read-write, kExists if there is one. kCreateOrOpen: read-write. `permissions` count only
  // when the file is created, before the process's umask. A name that this host looked up while it was missing may stay
  // missing for the time of the NFS name cache.
  virtual Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions = 0644) = 0;

  // The names in a directory, unordered, without "." and ".."; asks the server, and makes later look-ups of its
  // names fresh.
  virtual Result<std::vector<std::string>> List(const std::string& directory) = 0;
  // The same; may be as old as the NFS caches.
  virtual Result<std::vector<std::string>> ListKnown(const std::string& directory) = 0;

  // Attributes by name; may be as old as the NFS caches.
  virtual Result<FileAttributes> Stat(const std::string& path) = 0;

  // A second name for a file: kExists, atomically, if `name` is taken. After kExists a look-up of `name` is fresh.
  virtual Status Link(const std::string& existing, const std::string& name) = 0;

  // Gives a file or directory another name, atomically. A directory: kExists if `to` is one that is not empty. A file
  // takes the place of a file that has the name, silently.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;

  virtual Status MakeDirectory(const std::string& path, uint32_t permissions) = 0;
  virtual Status Remove(const std::string& path) = 0;
  virtual Status RemoveDirectory(const std::string& path) = 0;

  // Makes the names in a directory durable. No round trip on NFS, where they are at once.
  virtual Status SyncDirectory(const std::string& path) = 0;

  // Whether this process is permitted to write to the file or directory; may be as old as the NFS caches.
  virtual bool MayWrite(const std::string& path) = 0;

  // A view of this file system that holds `directory`: names below it are looked up in that very directory, even when
  // it has been renamed, removed, or another one has taken its name. So what a stopped process does late by name
  // cannot hit what came after. Must not outlive this file system; files opened through it may outlive it.
  virtual Result<std::unique_ptr<FileSystem>> Pin(const std::string& directory) = 0;

  // Names the machine whose caches the files are seen through, from its start until it is shut down: what a process has
  // written, dead or alive, those with the same name see at once.
  virtual std::string Machine() = 0;
};

// The file system of this machine. In a child of fork() every descriptor that was open in the parent is closed, and
// every use of its File fails.
FileSystem& PosixFileSystem();

// How many times this process is a child of a fork() of a process that had used PosixFileSystem().
uint64_t ForkGeneration();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_FILE_SYSTEM_H_
