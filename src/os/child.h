#ifndef SQLITE_EFS_OS_CHILD_H_
#define SQLITE_EFS_OS_CHILD_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "os/clock.h"

namespace sqlite_efs {

// A child of fork() that answers lines with lines. It is killed with the object, and dies with its parent. Not
// thread-safe.
class Child {
 public:
  // `answer` runs in the child, whose descriptors of PosixFileSystem() are closed. No other thread may be running.
  static Result<std::unique_ptr<Child>> Start(const std::function<std::string(const std::string&)>& answer);
  ~Child() { Kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // A line without its end, which may hold any character but that.
  Status Send(const std::string& line);
  // The answer to the oldest line that has none. kUnavailable: none in time, or the child is dead.
  Result<std::string> Receive(Duration timeout);

  // By SIGKILL. When it returns, the child is gone, and the system has closed what it had open.
  void Kill();

 private:
  Child(pid_t pid, int socket) : pid_(pid), socket_(socket) {}

  pid_t pid_;  // -1: dead
  int socket_;
  std::string received_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_CHILD_H_
