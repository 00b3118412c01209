#include "base/status.h"

#include <cerrno>
#include <cstring>

namespace sqlite_efs {
namespace {

StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return StatusCode::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
      return StatusCode::kExists;
    case ESTALE:
      return StatusCode::kStale;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return StatusCode::kFull;
    case EACCES:
    case EPERM:
    case EROFS:
      return StatusCode::kReadOnly;
    default:
      return StatusCode::kIoError;
  }
}

}  // namespace

Status Status::FromErrno(int error, const std::string& action, const std::string& path) {
  char buffer[128];
  const char* text = strerror_r(error, buffer, sizeof buffer);  // the GNU form: it may ignore the buffer
  return {CodeOf(error), "cannot " + action + " " + path + ": " + text};
}

}  // namespace sqlite_efs
