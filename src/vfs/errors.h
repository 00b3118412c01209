#ifndef SQLITE_EFS_VFS_ERRORS_H_
#define SQLITE_EFS_VFS_ERRORS_H_

#include <exception>
#include <string>

#include "base/status.h"

namespace sqlite_efs {

// The SQLite result code for a status: https://www.sqlite.org/rescode.html
int ResultCode(const Status& status);

// Notes the status for sqlite_efs_last_error() and SQLite's error log, and returns `code` (its own one by default).
// SQLite itself keeps only the code.
int Report(const Status& status);
int Report(const Status& status, int code);

// This thread's last reported message.
std::string& LastError();

// The same of the whole process, for PRAGMA efs_status.
std::string LastErrorOfProcess();

// Runs what SQLite called: no exception crosses the boundary.
template <typename Function>
int Guarded(Function&& function) noexcept {
  try {
    return function();
  } catch (const std::exception& e) {
    return Report(Status::IoError(std::string("sqlite_efs: ") + e.what()));
  }
}

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_ERRORS_H_
