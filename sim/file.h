#ifndef SQLITE_EFS_SIM_FILE_H_
#define SQLITE_EFS_SIM_FILE_H_

#include <string>

#include "os/file_system.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

// Whether that user may write to what has these permissions.
inline bool MayWriteTo(uint8_t owner, uint32_t mode, uint8_t user) {
  return (mode & (owner == user ? 0200 : 0002)) != 0;
}

// An open file of a simulated process.
class SimFile final : public File {
 public:
  // `fresh`: readings go past the host's cache.
  SimFile(Process& process, Ino ino, bool writable, bool fresh, std::string path);
  ~SimFile() override;

  Result<size_t> ReadAt(uint64_t offset, MutableBytes out) override;
  Status WriteAt(uint64_t offset, Bytes data) override;
  Status Sync() override;
  Status Flush() override { return process_.host->local() ? Status() : Sync(); }
  Status Truncate(uint64_t size) override;
  Result<FileAttributes> Look() override;
  const FileAttributes& Opened() const override { return opened_; }
  Result<FileAttributes> TouchAndLook() override;
  Status ChangeMode(uint32_t mode) override;
  Result<bool> TryLock(uint64_t offset, uint64_t length) override { return Lock(offset, length, true); }
  Status Unlock(uint64_t offset, uint64_t length) override;
  const std::string& path() const override { return path_; }

  // A shared or exclusive lock.
  Result<bool> Lock(uint64_t offset, uint64_t length, bool exclusive);
  Ino ino() const { return state_.ino; }

 private:
  FileServer& server() const { return process_.world->server; }
  Host& host() const { return *process_.host; }
  Status Fail(int error, const char* action) const { return Status::FromErrno(error, action, path_); }
  Status CheckHandle(const char* action) const;
  Status WriteLocally(uint64_t offset, Bytes data);
  Status AwaitWrites(bool tell);
  Status SendWrites();
  FileAttributes See();

  Process& process_;
  OpenFile state_;
  uint32_t known_errors_ = 0;
  const bool writable_;
  const bool fresh_;
  const std::string path_;
  FileAttributes opened_;
  const bool is_base_;  // the database file itself
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_FILE_H_
