#ifndef SQLITE_EFS_SIM_FILES_H_
#define SQLITE_EFS_SIM_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "os/file_system.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

// The file system as the processes of a simulated machine see it: each call takes time before and after its effect,
// meets the faults, and goes through the caches of its host as an NFS client's does.
class SimFiles final : public FileSystem {
 public:
  explicit SimFiles(Process* const* process) : process_(process) {}
  SimFiles(Process* const* process, Ino pinned, std::string prefix)
      : process_(process), pinned_(pinned), prefix_(std::move(prefix)) {}

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Result<std::vector<std::string>> ListKnown(const std::string& directory) override;
  Result<FileAttributes> Stat(const std::string& path) override;
  Status Link(const std::string& existing, const std::string& name) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status MakeDirectory(const std::string& path, uint32_t permissions) override;
  Status Remove(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  bool MayWrite(const std::string& path) override;
  Result<std::unique_ptr<FileSystem>> Pin(const std::string& directory) override;
  std::string Machine() override { return "machine " + std::to_string(process().host->number()); }

 private:
  // A name in a directory, and what it names by the host's caches; ino 0: nothing. directory 0: there is none.
  struct Place {
    Ino directory = 0;
    std::string name;
    Ino ino = 0;
  };

  Process& process() const { return **process_; }
  Place Find(const std::string& path) const;
  Status CheckDirectory(const Place& place, const char* action, const std::string& path) const;
  Result<std::unique_ptr<File>> OpenNow(const std::string& path, OpenMode mode, uint32_t permissions);
  Status LinkNow(const std::string& existing, const std::string& name);
  Status RenameNow(const std::string& from, const std::string& to);
  Status Hide(const Place& place, const std::string& path);
  Status RemoveNow(Op op, const std::string& path);

  Process* const* process_;
  Ino pinned_ = 0;
  std::string prefix_;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_FILES_H_
