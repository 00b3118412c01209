#ifndef SQLITE_EFS_OS_PER_PROCESS_H_
#define SQLITE_EFS_OS_PER_PROCESS_H_

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <memory>

namespace sqlite_efs {

// A T for each process, made at its first use and never destroyed. For static storage. Without a lock, which a fork()
// could leave locked; what a child finds of its parent's it leaves as it is. Thread-safe.
template <typename T>
class PerProcess {
 public:
  // `make` returns a std::unique_ptr<T>. What a slower thread has made is dropped.
  template <typename Make>
  T& Get(const Make& make) {
    const Entry* found = present_.load();
    if (found != nullptr && found->process == ::getpid()) return *found->value;
    auto fresh = std::make_unique<const Entry>(Entry{::getpid(), make()});
    if (present_.compare_exchange_strong(found, fresh.get())) found = fresh.release();
    return *found->value;
  }

 private:
  struct Entry {
    pid_t process;
    std::unique_ptr<T> value;
  };
  std::atomic<const Entry*> present_ = nullptr;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_PER_PROCESS_H_
