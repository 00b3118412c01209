#ifndef SQLITE_EFS_FUZZ_MEMORY_FILE_SYSTEM_H_
#define SQLITE_EFS_FUZZ_MEMORY_FILE_SYSTEM_H_

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "os/file_system.h"

namespace sqlite_efs::fuzz {

// Files of given contents, to be read: whatever would change something fails.
class MemoryFileSystem final : public FileSystem {
 public:
  std::map<std::string, std::vector<std::byte>> files;  // by path

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode, uint32_t) override {
    const auto found = files.find(path);
    if (mode != OpenMode::kRead && mode != OpenMode::kReadFresh) return Refused(path);
    if (found == files.end()) return Status::FromErrno(ENOENT, "open", path);
    return std::unique_ptr<File>(new MemoryFile(path, found->second));
  }
  Result<std::vector<std::string>> List(const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& [path, content] : files) {
      const size_t slash = path.rfind('/');
      if (path.compare(0, slash, directory) == 0) names.push_back(path.substr(slash + 1));
    }
    return names;
  }
  Result<std::vector<std::string>> ListKnown(const std::string& directory) override { return List(directory); }
  Result<FileAttributes> Stat(const std::string& path) override {
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, Open(path, OpenMode::kRead, 0));
    return file->Look();
  }
  Status Link(const std::string&, const std::string& name) override { return Refused(name); }
  Status Rename(const std::string&, const std::string& to) override { return Refused(to); }
  Status MakeDirectory(const std::string& path, uint32_t) override { return Refused(path); }
  Status Remove(const std::string& path) override { return Refused(path); }
  Status RemoveDirectory(const std::string& path) override { return Refused(path); }
  Status SyncDirectory(const std::string& path) override { return Refused(path); }
  bool MayWrite(const std::string&) override { return false; }
  Result<std::unique_ptr<FileSystem>> Pin(const std::string&) override {
    auto copy = std::make_unique<MemoryFileSystem>();
    copy->files = files;
    return std::unique_ptr<FileSystem>(std::move(copy));
  }
  std::string Machine() override { return "none"; }

 private:
  static Status Refused(const std::string& path) { return Status::FromErrno(EROFS, "change", path); }

  class MemoryFile final : public File {
   public:
    MemoryFile(std::string path, std::vector<std::byte> content)
        : path_(std::move(path)), content_(std::move(content)) {
      attributes_.size = content_.size();
      attributes_.links = 1;
      attributes_.mode = 0644;
    }
    Result<size_t> ReadAt(uint64_t offset, MutableBytes out) override {
      const uint64_t left = offset < content_.size() ? content_.size() - offset : 0;
      const size_t size = std::min<uint64_t>(out.size(), left);
      if (size != 0) std::memcpy(out.data(), content_.data() + offset, size);
      return size;
    }
    Status WriteAt(uint64_t, Bytes) override { return Refused(path_); }
    Status Sync() override { return Refused(path_); }
    Status Truncate(uint64_t) override { return Refused(path_); }
    Result<FileAttributes> Look() override { return attributes_; }
    const FileAttributes& Opened() const override { return attributes_; }
    Result<FileAttributes> TouchAndLook() override { return Refused(path_); }
    Status ChangeMode(uint32_t) override { return Refused(path_); }
    Result<bool> TryLock(uint64_t, uint64_t) override { return Refused(path_); }
    Status Unlock(uint64_t, uint64_t) override { return Refused(path_); }
    const std::string& path() const override { return path_; }

   private:
    const std::string path_;
    const std::vector<std::byte> content_;
    FileAttributes attributes_;
  };
};

}  // namespace sqlite_efs::fuzz

#endif  // SQLITE_EFS_FUZZ_MEMORY_FILE_SYSTEM_H_
