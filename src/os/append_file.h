#ifndef SQLITE_EFS_OS_APPEND_FILE_H_
#define SQLITE_EFS_OS_APPEND_FILE_H_

#include <memory>
#include <string>

#include "base/status.h"

namespace sqlite_efs {

// A local file to which several processes add lines. Open until the object ends; a child of fork() may use it too.
// Thread-safe.
class AppendFile {
 public:
  // Made, readable for its owner only, if it is not there.
  static Result<std::unique_ptr<AppendFile>> Open(const std::string& path);
  static Result<std::unique_ptr<AppendFile>> StandardError();
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // By one system call, so that lines of others stay whole; on NFS they may not. What fails is lost: nobody waits.
  void Append(const std::string& line);

 private:
  explicit AppendFile(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_APPEND_FILE_H_
