#include "aws/read_file.h"

#include <algorithm>
#include <span>

namespace sqlite_efs {

Result<std::string> ReadFile(FileSystem& files, const std::string& path) {
  constexpr size_t kFirstBytes = 8 << 10;
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kRead));
  std::string text;
  for (size_t room = kFirstBytes; room <= 2 * kMaxSettingsFileBytes; room *= 2) {
    const size_t begin = text.size();
    text.resize(room);
    EFS_ASSIGN_OR_RETURN(const size_t read,
                         file->ReadAt(begin, std::as_writable_bytes(std::span(text).subspan(begin))));
    if (begin + read < room) {
      text.resize(begin + read);
      if (text.size() <= kMaxSettingsFileBytes) return text;
      break;
    }
  }
  return Status::Invalid(path + " is larger than any file of its kind (1 MiB)");
}

}  // namespace sqlite_efs
