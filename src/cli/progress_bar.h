#ifndef SQLITE_EFS_CLI_PROGRESS_BAR_H_
#define SQLITE_EFS_CLI_PROGRESS_BAR_H_

#include <cstdint>
#include <string>

#include "store/progress.h"

namespace sqlite_efs::cli {

// One line on the terminal, on standard error, that shows how far the work is and goes away with the object. Nothing at
// all where standard error is not a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Show(uint64_t done, uint64_t total);
  // Calls Show(); the bar must outlive it.
  Progress AsProgress();

 private:
  const std::string label_;
  const bool terminal_;
  int shown_percent_ = -1;
};

}  // namespace sqlite_efs::cli

#endif  // SQLITE_EFS_CLI_PROGRESS_BAR_H_
