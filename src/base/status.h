#ifndef SQLITE_EFS_BASE_STATUS_H_
#define SQLITE_EFS_BASE_STATUS_H_

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace sqlite_efs {

enum class StatusCode {
  kOk,
  kBusy,            // the lease or a lock was not obtained before the deadline; may be tried again
  kConflict,        // the snapshot is not the newest any more; the transaction must begin again
  kNotFound,        // no such file
  kExists,          // the name is taken
  kStale,           // the file was removed while it was open
  kIoError,         // the file system refused or failed
  kFull,            // no space, or a quota
  kReadOnly,        // not permitted to write
  kCantOpen,        // the file or its log cannot be used as it is
  kNotDatabase,     // the file is not an SQLite database
  kCorrupt,         // the content contradicts itself
  kInvalid,         // a setting or an argument is wrong
  kUnavailable,     // a service did not answer or asked for patience; the request may or may not have been carried out
  kUnknownOutcome,  // the commit may or may not have taken effect
};

// The result of an operation: OK, or what failed, on which file, and what to do about it, as one sentence for people.
// A value type; not thread-safe while it is modified.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return {}; }
  static Status Busy(std::string m) { return {StatusCode::kBusy, std::move(m)}; }
  static Status Conflict(std::string m) { return {StatusCode::kConflict, std::move(m)}; }
  static Status IoError(std::string m) { return {StatusCode::kIoError, std::move(m)}; }
  static Status ReadOnly(std::string m) { return {StatusCode::kReadOnly, std::move(m)}; }
  static Status CantOpen(std::string m) { return {StatusCode::kCantOpen, std::move(m)}; }
  static Status Corrupt(std::string m) { return {StatusCode::kCorrupt, std::move(m)}; }
  static Status Invalid(std::string m) { return {StatusCode::kInvalid, std::move(m)}; }

  // The status of a failed system call: "<action> <path>: <errno's text>", with the code that errno means.
  static Status FromErrno(int error, const std::string& action, const std::string& path);

  bool ok() const { return code_ == StatusCode::kOk; }
  bool Is(StatusCode code) const { return code_ == code; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

// A value, or the Status that says why there is none. value() may be called only when ok().
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}                                  // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) { assert(!status_.ok()); }  // NOLINT(google-explicit-constructor)

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() {
    assert(ok());
    return *value_;
  }
  const T& value() const {
    assert(ok());
    return *value_;
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

#define EFS_CONCAT_INNER(a, b) a##b
#define EFS_CONCAT(a, b) EFS_CONCAT_INNER(a, b)
// Returns the Status of `expression` from the enclosing function unless it is OK.
#define EFS_RETURN_IF_ERROR(expression)             \
  do {                                              \
    ::sqlite_efs::Status efs_status = (expression); \
    if (!efs_status.ok()) return efs_status;        \
  } while (false)
// Evaluates `expression` (a Result) into `target`, or returns its Status from the enclosing function.
#define EFS_ASSIGN_OR_RETURN(target, expression) \
  EFS_ASSIGN_OR_RETURN_INNER(EFS_CONCAT(efs_result_, __LINE__), target, expression)
#define EFS_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                  \
  if (!result.ok()) return result.status();                    \
  target = std::move(result.value())

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_BASE_STATUS_H_
