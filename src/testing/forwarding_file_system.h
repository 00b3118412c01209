#ifndef SQLITE_EFS_TESTING_FORWARDING_FILE_SYSTEM_H_
#define SQLITE_EFS_TESTING_FORWARDING_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "os/file_system.h"

namespace sqlite_efs::testing {

// Another file system as it is, for one that differs from it in a call or two.
class ForwardingFileSystem : public FileSystem {
 public:
  explicit ForwardingFileSystem(FileSystem& real) : real_(real) {}

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t permissions) override {
    return real_.Open(path, mode, permissions);
  }
  Result<std::vector<std::string>> List(const std::string& directory) override { return real_.List(directory); }
  Result<std::vector<std::string>> ListKnown(const std::string& directory) override {
    return real_.ListKnown(directory);
  }
  Result<FileAttributes> Stat(const std::string& path) override { return real_.Stat(path); }
  Status Link(const std::string& existing, const std::string& name) override { return real_.Link(existing, name); }
  Status Rename(const std::string& from, const std::string& to) override { return real_.Rename(from, to); }
  Status MakeDirectory(const std::string& path, uint32_t permissions) override {
    return real_.MakeDirectory(path, permissions);
  }
  Status Remove(const std::string& path) override { return real_.Remove(path); }
  Status RemoveDirectory(const std::string& path) override { return real_.RemoveDirectory(path); }
  Status SyncDirectory(const std::string& path) override { return real_.SyncDirectory(path); }
  bool MayWrite(const std::string& path) override { return real_.MayWrite(path); }
  Result<std::unique_ptr<FileSystem>> Pin(const std::string& directory) override { return real_.Pin(directory); }
  std::string Machine() override { return real_.Machine(); }

 protected:
  FileSystem& real_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_FORWARDING_FILE_SYSTEM_H_
