#include "cli/progress_bar.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace sqlite_efs::cli {
namespace {

constexpr int kWidth_characters = 40;

}  // namespace

ProgressBar::ProgressBar(std::string label) : label_(std::move(label)), terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (shown_percent_ >= 0) std::fputs("\r\033[K", stderr);
}

void ProgressBar::Show(uint64_t done, uint64_t total) {
  const int percent = total == 0 ? 100 : static_cast<int>(done * 100 / total);
  if (!terminal_ || percent == shown_percent_) return;
  shown_percent_ = percent;
  const int filled = percent * kWidth_characters / 100;
  std::string line = "\r" + label_ + " [" + std::string(static_cast<size_t>(filled), '#');
  line += std::string(static_cast<size_t>(kWidth_characters - filled), '.') + "]";
  std::fprintf(stderr, "%s %3d %%", line.c_str(), percent);
  std::fflush(stderr);
}

Progress ProgressBar::AsProgress() {
  return [this](uint64_t done, uint64_t total) { Show(done, total); };
}

}  // namespace sqlite_efs::cli
