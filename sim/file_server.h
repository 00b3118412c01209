#ifndef SQLITE_EFS_SIM_FILE_SERVER_H_
#define SQLITE_EFS_SIM_FILE_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "sim/random.h"
#include "sim/scheduler.h"

namespace sqlite_efs::sim {

class Host;

// Names a file or directory on the server; 0: none.
using Ino = uint32_t;
inline constexpr Ino kRoot = 1;
// Names one opening of a file, for its locks.
using OpenId = uint32_t;

struct ServerLock {
  OpenId open = 0;
  Host* host = nullptr;
  uint64_t begin = 0;
  uint64_t end = 0;
  bool exclusive = true;
};

struct Inode {
  Ino ino = 0;
  bool is_directory = false;
  uint8_t owner = 0;  // a user
  uint32_t mode = 0;
  uint32_t links = 0;
  uint64_t size = 0;
  Time mtime = 0;                     // coarse: FileServer::tick
  uint64_t change = 0;                // NFSv4's change attribute, by which clients validate what they have cached
  bool answers_when_removed = false;  // to those who have it open; or else ESTALE
  std::vector<std::byte> data;        // up to the last byte that was ever written
  std::vector<std::pair<std::string, Ino>> entries;
  std::vector<ServerLock> locks;
};

// The file server: what is true. Every operation is atomic and takes no time; how requests travel is for others to say.
// Failures are errno values, 0 is success.
class FileServer {
 public:
  void Reset(uint64_t seed);
  // Becomes a copy of the files of `other`.
  void CopyFiles(const FileServer& other);

  // Two changes within one tick get the same mtime.
  Time tick = 0;
  // The change attribute is as coarse as mtime, where RFC 8881, section 5.8.1.4, wants another one after each change.
  bool coarse_change = false;
  // Nothing can grow or be created.
  bool full = false;
  // How long after it was last heard of a host keeps its locks against somebody else who asks.
  Time lock_lease = 10 * kSecond;

  Inode& Get(Ino ino) { return *inodes_[ino]; }
  Ino Lookup(Ino directory, std::string_view name);
  Ino Resolve(std::string_view path);  // from the root

  int Create(Ino directory, const std::string& name, uint32_t mode, uint8_t user, bool is_directory, Ino* made);
  int Link(Ino file, Ino directory, const std::string& name);
  int Rename(Ino from_directory, const std::string& from, Ino to_directory, const std::string& to);
  int Remove(Ino directory, const std::string& name);
  int RemoveDirectory(Ino directory, const std::string& name);

  size_t Read(Ino ino, uint64_t offset, MutableBytes out);
  // A write changes a file's times first and its data later.
  int BeginWrite(Ino ino, uint64_t end);
  void Land(Ino ino, uint64_t offset, Bytes data);
  int Truncate(Ino ino, uint64_t size);
  void Touch(Ino ino);
  void ChangeMode(Ino ino, uint32_t mode);

  bool TryLock(Ino ino, const ServerLock& lock);
  void Unlock(Ino ino, OpenId open, uint64_t begin, uint64_t end);
  OpenId NewOpen();
  void Close(Ino ino, OpenId open);
  // Whether it takes no write and no size under this opening any more: it is closed, or a lock of it somebody else's.
  bool Refuses(OpenId open) const { return refused_[open] != 0; }

  uint64_t files_made = 0;

 private:
  void Stamp(Inode& inode);
  void StampChange(Inode& inode);  // not the time that is shown
  Ino NewInode(bool is_directory, uint32_t mode, uint8_t user);
  void DropLink(Inode& inode);

  Random random_;
  std::vector<std::unique_ptr<Inode>> inodes_;  // [0] is never used
  size_t count_ = 0;
  std::vector<uint8_t> refused_;  // by OpenId
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_FILE_SERVER_H_
