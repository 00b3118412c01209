#ifndef SQLITE_EFS_TESTING_TEMP_DIRECTORY_H_
#define SQLITE_EFS_TESTING_TEMP_DIRECTORY_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace sqlite_efs::testing {

// A new directory, removed with all that is in it. $TEST_TMPDIR says where; /tmp otherwise.
class TempDirectory {
 public:
  TempDirectory() {
    const char* parent = std::getenv("TEST_TMPDIR");
    path_ = std::string(parent != nullptr ? parent : "/tmp") + "/sqlite_efs_test.XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // The names in a directory, sorted.
  static std::vector<std::string> Names(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::vector<std::string> Names() const { return Names(path_); }

 private:
  std::string path_;
};

inline std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteWholeFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// Changes bytes in the middle of a file, whatever its permissions (not for a test of permissions).
inline void Overwrite(const std::string& path, uint64_t offset, const std::string& content) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  ASSERT_TRUE(file.is_open()) << path;
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
}

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_TEMP_DIRECTORY_H_
