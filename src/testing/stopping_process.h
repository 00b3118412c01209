#ifndef SQLITE_EFS_TESTING_STOPPING_PROCESS_H_
#define SQLITE_EFS_TESTING_STOPPING_PROCESS_H_

#include <functional>
#include <semaphore>
#include <thread>
#include <utility>

#include "testing/scripted_file_system.h"

namespace sqlite_efs::testing {

// A process that stands still at calls that the test chooses, while others get on. It runs only within RunTo() and
// RunToEnd(), so there is no race. Its hook before calls on `files` is taken.
class StoppingProcess {
 public:
  StoppingProcess(ScriptedFileSystem& files, std::function<void()> work) : files_(files) {
    files_.Before([this](const Call& call) -> Status {
      if (!stop_ || !stop_(call)) return {};
      has_stopped_.release();
      goes_on_.acquire();
      return {};
    });
    thread_ = std::thread([this, does = std::move(work)] {
      goes_on_.acquire();
      does();
      is_done_ = true;
      has_stopped_.release();
    });
  }
  ~StoppingProcess() { RunToEnd(); }
  StoppingProcess(const StoppingProcess&) = delete;
  StoppingProcess& operator=(const StoppingProcess&) = delete;

  // Lets it run until it is about to make such a call; false if it came to its end without one.
  bool RunTo(std::function<bool(const Call&)> stop) {
    if (is_done_) return false;
    stop_ = std::move(stop);
    goes_on_.release();
    has_stopped_.acquire();
    return !is_done_;
  }

  void RunToEnd() {
    if (!thread_.joinable()) return;
    (void)RunTo(nullptr);
    thread_.join();
    files_.Before(nullptr);
  }

 private:
  ScriptedFileSystem& files_;
  std::function<bool(const Call&)> stop_;
  bool is_done_ = false;
  std::binary_semaphore goes_on_{0};
  std::binary_semaphore has_stopped_{0};
  std::thread thread_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_STOPPING_PROCESS_H_
