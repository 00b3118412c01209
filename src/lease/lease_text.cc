#include "lease/lease_text.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/utc.h"

namespace sqlite_efs {
namespace {

constexpr size_t kHolderText_bytes = 200;

}  // namespace

std::string DescribeThisProcess() {
  std::array<char, 256> host = {};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  std::string program;
  std::ifstream("/proc/self/comm") >> program;
  // On Lambda the host's name and the process say little.
  const char* function = std::getenv("AWS_LAMBDA_FUNCTION_NAME");
  if (function != nullptr && *function != '\0') program += ", function " + std::string(function);
  std::string text = std::string(host.data()) + ", process " + std::to_string(::getpid()) + " (" + program + ")";
  text.resize(std::min(text.size(), kHolderText_bytes));
  return text;
}

std::string DescribeHolder(const LeaseRecord& record) {
  if (record.lock_id.empty()) return "";
  if (record.expires_at_ms == 0) return " by " + record.holder;
  return " by " + record.holder + ", since " + WallTime(record.since_ms) + " and until " +
         WallTime(record.expires_at_ms) + " if that is not renewed,";
}

std::string Seconds(Duration duration) {
  const auto ms = std::chrono::round<std::chrono::milliseconds>(duration);
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g", std::chrono::duration<double>(ms).count());
  return text.data();
}

std::string WallTime(int64_t ms) { return UtcText(ms / 1000, "%Y-%m-%dT%H:%M:%SZ"); }

}  // namespace sqlite_efs
