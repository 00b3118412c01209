#include "probe/folder.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/uuid.h"
#include "os/mount.h"
#include "probe/party.h"

namespace sqlite_efs::probe {
namespace {

constexpr std::string_view kPrefix = "sqlite-efs-probe.";
constexpr std::string_view kEnd = "\n";
constexpr size_t kMaxMessage_bytes = 1 << 16;
constexpr uint64_t kRoom_bytes = uint64_t{2} << 20;  // that a probe needs
constexpr Duration kShow = std::chrono::milliseconds(500);
constexpr Duration kSurelyDead = std::chrono::seconds(60);
constexpr Duration kPatience = std::chrono::seconds(5);
constexpr Duration kPoll = std::chrono::milliseconds(50);

// What a user can do about a failure to write in the directory.
Status WithRemedy(const Status& status, const std::string& directory) {
  if (status.Is(StatusCode::kFull)) {
    return {StatusCode::kFull, directory + " has no room for a probe, which needs 2 MiB: " + status.message() +
                                   "; free some space, or raise the quota"};
  }
  if (!status.Is(StatusCode::kReadOnly)) return status;
  const Result<Mount> mount = MountOf(directory);
  const bool is_ro = mount.ok() && mount->Has("ro");
  return {StatusCode::kReadOnly,
          directory + " cannot be written to: " + status.message() +
              (is_ro ? "; " + mount->point + " is mounted read-only: mount it for writing"
                     : "; run the probe as the user whose programs will write to the database there")};
}

Status CheckRoom(FileSystem& files, const std::string& path) {
  const std::vector<std::byte> room(kRoom_bytes, std::byte{1});
  Status status;
  {
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kCreateNew));
    status = file->WriteAt(0, room);
    if (status.ok()) status = file->Sync();
  }
  const Status removed = files.Remove(path);
  return status.ok() ? removed : status;
}

// Others have it for a moment, to see whether it is held. Where there are no locks, a question will say so.
void LockPatiently(File& file, Clock& clock) {
  const Instant deadline = clock.Now() + kPatience;
  Result<bool> locked = file.TryLock(0, 1);
  while (locked.ok() && !*locked && clock.Now() < deadline) {
    clock.Sleep(kPoll);
    locked = file.TryLock(0, 1);
  }
}

Status WriteMessage(File& file, const std::string& line) {
  const std::string text = line + std::string(kEnd);
  EFS_RETURN_IF_ERROR(file.WriteAt(0, std::as_bytes(std::span(text))));
  return file.Sync();
}

bool IsMessage(const std::string& name) {
  return name == "probe" || name == "peer" || name == "gone" || name.starts_with("request.") ||
         name.starts_with("answer.");
}

// Removes a file, or a directory of files.
void RemoveAny(FileSystem& files, const std::string& path) {
  if (files.Remove(path).ok()) return;
  const Result<std::vector<std::string>> names = files.List(path);
  if (!names.ok()) return;
  for (const std::string& name : *names) (void)files.Remove(path + "/" + name);
  (void)files.RemoveDirectory(path);
}

// Whether the probe of a folder has ended: `now_ns` by the file server's clock.
bool IsStale(FileSystem& files, const std::string& folder, int64_t now_ns) {
  const std::optional<std::string> message = ReadMessage(files, folder + "/probe");  // before it the lock was taken
  const Result<bool> locked = IsLocked(files, folder + "/probe");
  if (locked.ok() && *locked) return false;
  const Result<std::unique_ptr<File>> probe = files.Open(folder + "/probe", OpenMode::kRead);
  const Result<FileAttributes> seen = probe.ok() ? (*probe)->Look() : files.Stat(folder);
  if (seen.ok() && now_ns - seen->mtime_ns >= kSurelyDead.count()) return true;
  // Nobody has the lock. That proves it where locks are seen for sure: on the machine of the probe.
  const std::optional<Party> party = message ? ParseParty(*message) : std::nullopt;
  return locked.ok() && party && party->machine == files.Machine();
}

}  // namespace

Status CheckDirectory(FileSystem& files, const std::string& directory) {
  const Result<FileAttributes> attributes = files.Stat(directory);
  if (attributes.status().Is(StatusCode::kNotFound)) {
    return {StatusCode::kNotFound, "there is no directory " + directory + "; correct the path, or mount it"};
  }
  if (!attributes.ok()) return attributes.status();
  if (attributes->is_directory) return {};
  return Status::CantOpen(directory + " is not a directory; name the directory that the database will lie in");
}

Result<std::unique_ptr<Folder>> Folder::Make(FileSystem& files, Clock& clock, const std::string& directory) {
  EFS_RETURN_IF_ERROR(CheckDirectory(files, directory));
  const std::string path = directory + "/" + std::string(kPrefix) + NewUuid();
  const Status made = files.MakeDirectory(path, 0755);
  if (!made.ok()) return WithRemedy(made, directory);
  std::unique_ptr<Folder> folder(new Folder(files, clock, path));
  const auto furnish = [&]() -> Status {
    EFS_RETURN_IF_ERROR(CheckRoom(files, path + "/room"));
    EFS_ASSIGN_OR_RETURN(folder->probe_, PostLocked(files, clock, path + "/probe", MessageOf(ThisParty(files))));
    return {};
  };
  const Status furnished = furnish();
  if (!furnished.ok()) return WithRemedy(furnished, directory);
  folder->ShowLife();
  return folder;
}

Folder::~Folder() {
  probe_.reset();
  (void)RemoveFolder(files_, clock_, path_);
}

void Folder::ShowLife() {
  if (!probe_ || (shown_ && clock_.Now() - *shown_ < kShow)) return;
  (void)probe_->TouchAndLook();
  shown_ = clock_.Now();
}

void Folder::Tidy() {
  const Result<std::vector<std::string>> names = files_.List(path_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!IsMessage(name)) RemoveAny(files_, path_ + "/" + name);
  }
}

std::vector<std::string> RemoveStaleFolders(FileSystem& files, Clock& clock, const Folder& own) {
  const std::string directory = own.path().substr(0, own.path().rfind('/'));
  const Result<std::vector<std::string>> folders = ListFolders(files, directory);
  const Result<std::unique_ptr<File>> probe = files.Open(own.path() + "/probe", OpenMode::kWrite);
  const Result<FileAttributes> now = probe.ok() ? (*probe)->TouchAndLook() : probe.status();
  if (!folders.ok() || !now.ok()) return {};
  std::vector<std::string> left;
  for (const std::string& folder : *folders) {
    if (folder == own.path()) continue;
    const Result<bool> locked = IsLocked(files, folder + "/probe");
    if (locked.ok() && *locked) continue;  // another probe
    if (!IsStale(files, folder, now->mtime_ns) || !RemoveFolder(files, clock, folder).ok()) left.push_back(folder);
  }
  return left;
}

Result<std::vector<std::string>> ListFolders(FileSystem& files, const std::string& directory) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  std::vector<std::string> folders;
  for (const std::string& name : names) {
    if (name.starts_with(kPrefix) && IsUuid(name.substr(kPrefix.size()))) folders.push_back(directory + "/" + name);
  }
  return folders;
}

Result<std::unique_ptr<File>> PostLocked(FileSystem& files, Clock& clock, const std::string& path,
                                         const std::string& line) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(path, OpenMode::kCreateNew));
  LockPatiently(*file, clock);
  EFS_RETURN_IF_ERROR(WriteMessage(*file, line));
  return file;
}

Result<bool> IsLocked(FileSystem& files, const std::string& path) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kReadWrite));
  EFS_ASSIGN_OR_RETURN(const bool free, file->TryLock(0, 1));
  return !free;
}

bool Lists(const std::vector<std::string>& names, const std::string& path) {
  return std::find(names.begin(), names.end(), path.substr(path.rfind('/') + 1)) != names.end();
}

Status RemoveFolder(FileSystem& files, Clock& clock, const std::string& folder) {
  const Instant deadline = clock.Now() + kPatience;
  while (true) {
    const Result<std::vector<std::string>> names = files.List(folder);
    if (names.status().Is(StatusCode::kNotFound)) return {};
    EFS_RETURN_IF_ERROR(names.status());
    for (const std::string& name : *names) RemoveAny(files, folder + "/" + name);
    const Status removed = files.RemoveDirectory(folder);
    if (removed.ok() || removed.Is(StatusCode::kNotFound)) return {};
    if (clock.Now() >= deadline) return removed;
    clock.Sleep(kPoll);
  }
}

Status PostMessage(FileSystem& files, const std::string& path, const std::string& line) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kCreateNew));
  return WriteMessage(*file, line);
}

std::optional<std::string> ReadMessage(FileSystem& files, const std::string& path) {
  const Result<std::unique_ptr<File>> file = files.Open(path, OpenMode::kReadFresh);
  if (!file.ok()) return std::nullopt;
  std::string text(kMaxMessage_bytes, '\0');
  const Result<size_t> size = (*file)->ReadAt(0, std::as_writable_bytes(std::span(text)));
  if (!size.ok()) return std::nullopt;
  text.resize(*size);
  if (!text.ends_with(kEnd)) return std::nullopt;
  text.resize(text.size() - kEnd.size());
  return text;
}

}  // namespace sqlite_efs::probe
