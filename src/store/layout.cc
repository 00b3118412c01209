#include "store/layout.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/uuid.h"

namespace sqlite_efs {
namespace {

constexpr size_t kSegmentDigits = 10;
constexpr size_t kIdSize = 37;  // a UUID and a line end

}  // namespace

std::string Layout::segment(SegmentNumber number) const {
  std::array<char, 32> name;
  std::snprintf(name.data(), name.size(), "/%0*llu", int{kSegmentDigits},
                static_cast<unsigned long long>(number.value));
  return directory_ + name.data();
}

std::string Layout::temporary() const { return directory_ + "/tmp." + NewUuid(); }

std::optional<SegmentNumber> ParseSegmentName(std::string_view name) {
  if (name.size() < kSegmentDigits) return std::nullopt;
  SegmentNumber number;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number.value);
  if (error != std::errc() || end != name.data() + name.size() || number.value == 0) return std::nullopt;
  return number;
}

bool IsLive(FileSystem& files, const std::string& base) {
  const Result<FileAttributes> directory = files.Stat(Layout(base).directory());
  return directory.ok() && directory->is_directory;
}

Result<std::vector<SegmentNumber>> ListSegments(FileSystem& files, const Layout& layout) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(layout.directory()));
  std::vector<SegmentNumber> segments;
  for (const std::string& name : names) {
    if (const auto number = ParseSegmentName(name)) segments.push_back(*number);
  }
  std::sort(segments.begin(), segments.end());
  if (segments.empty()) {
    return Status::CantOpen(layout.directory() +
                            " has no log segment: what was committed since the last merge is missing; restore the "
                            "directory from a backup together with " +
                            layout.base());
  }
  for (size_t i = 0; i < segments.size(); i++) {
    if (segments[i].value == i + 1) continue;
    return Status::CantOpen("log segment " + layout.segment({i + 1}) + " is missing; restore it from a backup");
  }
  return segments;
}

Result<std::string> ReadSmallFile(FileSystem& files, const std::string& path, size_t limit) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kRead));
  std::string text(limit, '\0');
  EFS_ASSIGN_OR_RETURN(const size_t size, file->ReadAt(0, std::as_writable_bytes(std::span(text))));
  text.resize(size);
  return text;
}

Status WriteNewFile(FileSystem& files, const std::string& path, std::string_view content, uint32_t permissions) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kCreateNew, permissions));
  EFS_RETURN_IF_ERROR(file->ChangeMode(permissions));
  EFS_RETURN_IF_ERROR(file->WriteAt(0, std::as_bytes(std::span(content))));
  return file->Sync();
}

Result<std::string> ReadDatabaseId(FileSystem& files, const Layout& layout) {
  const Result<std::string> text = ReadSmallFile(files, layout.id(), kIdSize + 1);
  if (!text.ok() && !text.status().Is(StatusCode::kNotFound)) return text.status();
  const std::string content = text.ok() ? *text : "";
  const bool whole = content.size() == kIdSize && content.back() == '\n';
  if (whole && IsUuid(std::string_view(content).substr(0, kIdSize - 1))) return content.substr(0, kIdSize - 1);
  return Status::CantOpen(layout.id() + (text.ok() ? " is not a UUID" : " is missing") +
                          ": it names the database's lease; restore the file from a backup");
}

}  // namespace sqlite_efs
