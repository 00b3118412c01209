#include "store/layout.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/uuid.h"
#include "store/wal_format.h"

namespace sqlite_efs {
namespace {

constexpr size_t kSegmentDigits = 10;
constexpr size_t kIdSize = 37;  // a UUID and a line end
constexpr char kTemporaryPrefix[] = "tmp.";
constexpr std::string_view kCopiedInfix = ".copied.";
constexpr std::string_view kMergedSuffix = ".merged";
constexpr int kMaxListings = 5;

// The segment that a name with that suffix speaks of.
std::optional<SegmentNumber> ParseWithSuffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? ParseSegmentName(name.substr(0, name.size() - suffix.size())) : std::nullopt;
}

Result<LogListing> Understand(const Layout& layout, std::vector<std::string> names) {
  LogListing listing;
  listing.names = std::move(names);
  for (const std::string& name : listing.names) {
    if (const auto merged = ParseWithSuffix(name, kMergedSuffix)) listing.merged = std::max(listing.merged, *merged);
  }
  for (const std::string& name : listing.names) {
    // What is merged may still be there for a moment: the base has it.
    const auto number = ParseSegmentName(name);
    if (number && *number > listing.merged) listing.segments.push_back(*number);
  }
  std::sort(listing.segments.begin(), listing.segments.end());
  if (listing.segments.empty()) {
    return Status::CantOpen(layout.directory() +
                            " has no log segment: what was committed since the last merge is missing; restore the "
                            "directory from a backup together with " +
                            layout.base());
  }
  for (size_t i = 0; i < listing.segments.size(); i++) {
    const SegmentNumber expected = {listing.merged.value + 1 + i};
    if (listing.segments[i] == expected) continue;
    return Status::CantOpen("log segment " + layout.segment(expected) + " is missing; restore it from a backup");
  }
  return listing;
}

}  // namespace

std::string Layout::segment(SegmentNumber number) const {
  std::array<char, 32> name;
  std::snprintf(name.data(), name.size(), "/%0*llu", int{kSegmentDigits},
                static_cast<unsigned long long>(number.value));
  return directory_ + name.data();
}

std::string Layout::temporary() const { return directory_ + "/" + kTemporaryPrefix + NewUuid(); }

std::optional<CopiedName> ParseCopiedName(std::string_view name) {
  const size_t at = name.find(kCopiedInfix);
  if (at == std::string_view::npos) return std::nullopt;
  const std::optional<SegmentNumber> through = ParseSegmentName(name.substr(0, at));
  if (!through) return std::nullopt;
  return CopiedName{*through, std::string(name.substr(at + kCopiedInfix.size()))};
}

bool IsTemporary(std::string_view name) { return name.starts_with(kTemporaryPrefix); }

std::optional<SegmentNumber> ParseSegmentName(std::string_view name) {
  // A number has one name: ten digits, or as many as it needs.
  if (name.size() < kSegmentDigits || (name.size() > kSegmentDigits && name.front() == '0')) return std::nullopt;
  SegmentNumber number;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number.value);
  if (error != std::errc() || end != name.data() + name.size() || number.value == 0) return std::nullopt;
  return number;
}

bool IsLive(FileSystem& files, const std::string& base) {
  const auto is_directory = [&, name = Layout(base).directory()] {
    const Result<FileAttributes> found = files.Stat(name);
    return found.ok() && found->is_directory;
  };
  return is_directory() || (LookUpAnew(files, base).ok() && is_directory());
}

Status LookUpAnew(FileSystem& files, const std::string& base) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> folder, files.Open(FolderOf(base), OpenMode::kRead));
  return folder->Look().status();
}

bool LogListing::Has(SegmentNumber number) const {
  return std::binary_search(segments.begin(), segments.end(), number);
}

bool LogListing::HasName(const std::string& name) const {
  return std::find(names.begin(), names.end(), FileNameOf(name)) != names.end();
}

Result<LogListing> ListKnownLog(FileSystem& files, const Layout& layout) {
  Result<std::vector<std::string>> names = files.ListKnown(layout.directory());
  Result<LogListing> listing = names.ok() ? Understand(layout, std::move(*names)) : names.status();
  return listing.ok() ? listing : ListLog(files, layout);
}

Result<LogListing> ListLog(FileSystem& files, const Layout& layout) {
  EFS_ASSIGN_OR_RETURN(std::vector<std::string> first, files.List(layout.directory()));
  Result<LogListing> listing = Understand(layout, std::move(first));
  for (int i = 1; i < kMaxListings && listing.status().Is(StatusCode::kCantOpen); i++) {
    EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(layout.directory()));
    EFS_ASSIGN_OR_RETURN(const bool ended, HasEnded(files, layout, names));
    if (ended) return Status(StatusCode::kStale, layout.base() + " was detached; open it anew");
    EFS_ASSIGN_OR_RETURN(std::vector<std::string> again, files.List(layout.directory()));
    listing = Understand(layout, std::move(again));
  }
  return listing;
}

Result<bool> HasEnded(FileSystem& files, const Layout& layout, const std::vector<std::string>& names) {
  SegmentNumber last;
  for (const std::string& name : names) last = std::max(last, ParseSegmentName(name).value_or(SegmentNumber{}));
  if (last.value == 0) return false;
  const Result<std::string> start = ReadSmallFile(files, layout.segment(last), kEndOfLog.size());
  if (start.status().Is(StatusCode::kNotFound)) return false;
  EFS_RETURN_IF_ERROR(start.status());
  return *start == kEndOfLog;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

std::string FileNameOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
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
