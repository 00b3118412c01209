#include "os/mount.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

// What a line of mountinfo begins with.
enum Field { kNumber, kParent, kDevice, kRoot, kPoint, kOptions, kFields };

std::optional<Mount> FindBy(Field field, const std::string& value, std::string_view mountinfo) {
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::array<std::string, kFields> found;
    for (std::string& word : found) words >> word;
    if (found[field] != value) continue;
    std::string skipped;
    while (words >> skipped && skipped != "-") {  // optional fields
    }
    Mount mount;
    std::string of_file_system;
    if (!(words >> mount.type >> mount.source >> of_file_system)) return std::nullopt;
    mount.source = Unescaped(mount.source);
    mount.point = Unescaped(found[kPoint]);
    AddOptions(found[kOptions], &mount.options);
    AddOptions(of_file_system, &mount.options);
    return mount;
  }
  return std::nullopt;
}

std::string ReadMountInfo() {
  std::ifstream file("/proc/self/mountinfo");
  return {std::istreambuf_iterator<char>(file), {}};
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
  return FindBy(kNumber, std::to_string(id), mountinfo);
}

std::optional<Mount> FindMountOfDevice(std::string_view mountinfo, const std::string& device) {
  return FindBy(kDevice, device, mountinfo);
}

Result<Mount> MountOf(const std::string& path) {
  struct statx s;
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_MNT_ID, &s) != 0) {
    return Status::FromErrno(errno, "look at", path);
  }
  const std::optional<Mount> mount =
      (s.stx_mask & STATX_MNT_ID) != 0 ? FindMount(ReadMountInfo(), s.stx_mnt_id) : std::nullopt;  // Linux 5.8
  if (!mount) return Status::IoError("this system does not tell on what " + path + " is mounted");
  return *mount;
}

std::optional<Mount> MountOfDevice(uint32_t major, uint32_t minor) {
  return FindMountOfDevice(ReadMountInfo(), std::to_string(major) + ":" + std::to_string(minor));
}

}  // namespace sqlite_efs
