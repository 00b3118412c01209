#include "base/utc.h"

#include <array>
#include <ctime>

namespace sqlite_efs {

std::string UtcText(int64_t seconds, const char* format) {
  const std::time_t time = seconds;
  std::tm parts = {};
  std::array<char, 32> text = {};
  if (::gmtime_r(&time, &parts) == nullptr) return "?";
  text[std::strftime(text.data(), text.size(), format, &parts)] = '\0';
  return text.data();
}

}  // namespace sqlite_efs
