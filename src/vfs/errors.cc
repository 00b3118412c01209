#include "vfs/errors.h"

#include <mutex>

#include "vfs/sqlite.h"

namespace sqlite_efs {
namespace {

std::mutex process_error_mutex;
std::string& ProcessError() {
  static auto* text = new std::string;
  return *text;
}

}  // namespace

int ResultCode(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return SQLITE_OK;
    case StatusCode::kBusy:
    case StatusCode::kUnavailable:
      return SQLITE_BUSY;
    case StatusCode::kConflict:
      return SQLITE_BUSY_SNAPSHOT;
    case StatusCode::kNotFound:
    case StatusCode::kExists:
    case StatusCode::kCantOpen:
    case StatusCode::kInvalid:
      return SQLITE_CANTOPEN;
    case StatusCode::kFull:
      return SQLITE_FULL;
    case StatusCode::kReadOnly:
      return SQLITE_READONLY;
    case StatusCode::kNotDatabase:
      return SQLITE_NOTADB;
    case StatusCode::kCorrupt:
      return SQLITE_CORRUPT;
    case StatusCode::kUnknownOutcome:
      return SQLITE_IOERR_FSYNC;
    case StatusCode::kStale:
    case StatusCode::kIoError:
      return SQLITE_IOERR;
  }
  return SQLITE_IOERR;
}

std::string& LastError() {
  thread_local std::string text;
  return text;
}

std::string LastErrorOfProcess() {
  const std::lock_guard lock(process_error_mutex);
  return ProcessError();
}

int Report(const Status& status) { return Report(status, ResultCode(status)); }

int Report(const Status& status, int code) {
  if (status.ok()) return SQLITE_OK;
  LastError() = status.message();
  // A wait or a conflict is part of normal work: callers retry, and the log would fill.
  if (status.Is(StatusCode::kBusy) || status.Is(StatusCode::kConflict)) return code;
  {
    const std::lock_guard lock(process_error_mutex);
    ProcessError() = status.message();
  }
  sqlite3_log(code, "sqlite_efs: %s", status.message().c_str());
  return code;
}

}  // namespace sqlite_efs
