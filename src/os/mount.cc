#include "os/mount.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

namespace sqlite_efs {
namespace {

// Blanks in names are written as \040 and the like.
std::string Unescaped(const std::string& text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (size_t i = 0; i < text.size(); i++) {
    const bool escaped = text[i] == '\\' && i + 3 < text.size() && std::all_of(&text[i + 1], &text[i + 4], is_octal);
    plain +=
        escaped ? static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')) : text[i];
    if (escaped) i += 3;
  }
  return plain;
}

void AddOptions(const std::string& text, std::vector<std::string>* options) {
  std::istringstream stream(text);
  for (std::string option; std::getline(stream, option, ',');) {
    if (std::find(options->begin(), options->end(), option) == options->end()) options->push_back(option);
  }
}

}  // namespace

bool Mount::Has(std::string_view option) const {
  return std::find(options.begin(), options.end(), option) != options.end();
}

std::optional<std::string> Mount::Value(std::string_view name) const {
  for (const std::string& option : options) {
    if (option.size() > name.size() && option.starts_with(name) && option[name.size()] == '=') {
      return option.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

std::optional<Mount> FindMount(std::string_view mountinfo, uint64_t id) {
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number;
    std::string point;
    std::string of_mount;
    std::string skipped;
    fields >> number >> skipped >> skipped >> skipped >> point >> of_mount;
    if (number != std::to_string(id)) continue;
    while (fields >> skipped && skipped != "-") {  // optional fields
    }
    Mount mount;
    std::string of_file_system;
    if (!(fields >> mount.type >> mount.source >> of_file_system)) return std::nullopt;
    mount.source = Unescaped(mount.source);
    mount.point = Unescaped(point);
    AddOptions(of_mount, &mount.options);
    AddOptions(of_file_system, &mount.options);
    return mount;
  }
  return std::nullopt;
}

Result<Mount> MountOf(const std::string& path) {
  struct statx s;
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_MNT_ID, &s) != 0) {
    return Status::FromErrno(errno, "look at", path);
  }
  std::ifstream file("/proc/self/mountinfo");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::optional<Mount> mount =
      (s.stx_mask & STATX_MNT_ID) != 0 ? FindMount(text, s.stx_mnt_id) : std::nullopt;  // Linux 5.8
  if (!mount) return Status::IoError("this system does not tell on what " + path + " is mounted");
  return *mount;
}

}  // namespace sqlite_efs
