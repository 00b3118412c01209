#ifndef SQLITE_EFS_PROBE_SIDE_H_
#define SQLITE_EFS_PROBE_SIDE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/file_system.h"
#include "probe/hand.h"

namespace sqlite_efs::probe {

// A file that one side has open; closed there with the object.
class SideFile;

// One of those whose views of the file system are compared: what a hand can do, as functions. Failures are those of the
// file system, or kUnavailable: the side does not answer. Not thread-safe.
class Side {
 public:
  explicit Side(Hand& hand) : hand_(hand) {}
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  // Any request (actor.h); Begin() and End() for two sides at a time.
  Result<std::string> Do(const std::string& request);
  Status Begin(const std::string& request) { return hand_.Send(request); }
  Result<std::string> End();

  // MODE as in actor.h.
  Result<std::unique_ptr<SideFile>> Open(const std::string& name, const std::string& mode);
  Result<std::vector<std::string>> List(const std::string& name = ".");
  Result<bool> Lists(const std::string& name);
  Result<FileAttributes> Stat(const std::string& name);
  Status Link(const std::string& from, const std::string& to);
  Status Rename(const std::string& from, const std::string& to);
  Status Remove(const std::string& name);
  Status MakeDirectory(const std::string& name);
  // A new file with the pattern of the seed, synced.
  Status Make(const std::string& name, uint64_t length, uint32_t seed);

 private:
  Hand& hand_;
  uint64_t opened_ = 0;
};

class SideFile {
 public:
  SideFile(Side& side, std::string id) : side_(side), id_(std::move(id)) {}
  ~SideFile() { (void)side_.Do("close " + id_); }
  SideFile(const SideFile&) = delete;
  SideFile& operator=(const SideFile&) = delete;

  Result<FileAttributes> Look();
  Result<FileAttributes> Touch();
  // A digest (pattern.h).
  Result<std::string> Read(uint64_t offset, uint64_t length);
  Status Write(uint64_t offset, uint64_t length, uint32_t seed);
  Status Sync();
  Status Truncate(uint64_t size);
  Status ChangeMode(uint32_t mode);
  Result<bool> TryLock();
  Status Unlock();

 private:
  Side& side_;
  const std::string id_;
};

// The second process of a side's machine (actor.h: sub). It can be killed.
class SubHand final : public Hand {
 public:
  explicit SubHand(Side& side) : side_(side) {}
  Status Send(const std::string& request) override { return side_.Begin("sub " + request); }
  Result<std::string> Receive() override;
  Status Kill() { return side_.Do("kill").status(); }

 private:
  Side& side_;
};

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_SIDE_H_
