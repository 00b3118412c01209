#include "os/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace sqlite_efs {
namespace {

constexpr mode_t kPermissions = 0600;

}  // namespace

Result<std::unique_ptr<AppendFile>> AppendFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, kPermissions);
  if (fd < 0) return Status::FromErrno(errno, "open", path);
  return std::unique_ptr<AppendFile>(new AppendFile(fd));
}

// Not a copy of the descriptor: a program that turns its standard error elsewhere takes the events with it.
Result<std::unique_ptr<AppendFile>> AppendFile::StandardError() {
  return std::unique_ptr<AppendFile>(new AppendFile(STDERR_FILENO));
}

AppendFile::~AppendFile() {
  if (fd_ != STDERR_FILENO) ::close(fd_);
}

void AppendFile::Append(const std::string& line) {
  const ssize_t written = ::write(fd_, line.data(), line.size());
  (void)written;
}

}  // namespace sqlite_efs
