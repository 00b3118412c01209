#include "probe/actor.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "probe/pattern.h"
#include "probe/race.h"
#include "probe/words.h"

namespace sqlite_efs::probe {
namespace {

constexpr uint64_t kMaxLength_bytes = uint64_t{1} << 20;
constexpr uint64_t kMaxSize_bytes = uint64_t{1} << 24;
constexpr size_t kMaxOpen = 100;
constexpr size_t kMaxWords = 8;
constexpr Duration kPatience = std::chrono::seconds(120);  // less than that of who asked
// SQLite's locking bytes, which keep mergers apart: https://www.sqlite.org/fileformat2.html#the_lock_byte_page
constexpr uint64_t kLockOffset = 0x40000000;
constexpr uint64_t kLockLength = 512;

Status NotUnderstood(const std::string& request) {
  return Status::Invalid("the request is not understood: " + request +
                         "; use the same version of sqlite-efs on both "
                         "hosts");
}

Result<std::string> Done(const Status& status) {
  if (!status.ok()) return status;
  return std::string();
}

Result<std::string> Text(const Result<FileAttributes>& attributes) {
  if (!attributes.ok()) return attributes.status();
  return TextOf(*attributes);
}

std::optional<OpenMode> ParseMode(const std::string& word) {
  static const std::map<std::string, OpenMode> modes = {{"read", OpenMode::kRead},
                                                        {"fresh", OpenMode::kReadFresh},
                                                        {"write", OpenMode::kWrite},
                                                        {"readwrite", OpenMode::kReadWrite},
                                                        {"new", OpenMode::kCreateNew}};
  const auto found = modes.find(word);
  return found == modes.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::string Actor::Do(const std::string& request) { return AnswerLine(Try(request)); }

Actor::Answer Actor::Try(const std::string& request) {
  const Words words = SplitWords(request);
  if (words.empty()) return NotUnderstood(request);
  if (words[0] == "sub") return Sub(request.substr(std::min<size_t>(4, request.size())));
  if (words[0] == "kill") {
    sub_.reset();
    return std::string();
  }
  if (words.size() > kMaxWords) return NotUnderstood(request);
  if (words[0] == "machine") return files_.Machine();
  if (words[0] == "race") return Race(files_, folder_, words);
  if (words[0] == "open" && words.size() == 4) return Open(words);
  if (words.size() >= 2 && open_.contains(words[1])) return OnFile(words);
  return OnNames(words);
}

Actor::Answer Actor::Open(const Words& words) {
  const std::optional<OpenMode> mode = ParseMode(words[3]);
  if (!mode || open_.size() >= kMaxOpen) return NotUnderstood("open " + words[3]);
  EFS_ASSIGN_OR_RETURN(const std::string path, PathOf(words[2]));
  EFS_ASSIGN_OR_RETURN(open_[words[1]], files_.Open(path, *mode));
  return std::string();
}

Actor::Answer Actor::OnFile(const Words& words) {
  const auto opened = open_.find(words[1]);
  File& file = *opened->second;
  std::array<uint64_t, 3> numbers = {};
  for (size_t i = 2; i < words.size() && i < numbers.size() + 2; i++) {
    const std::optional<uint64_t> number = ParseNumber(words[i]);
    if (!number || *number > kMaxSize_bytes) return NotUnderstood(words[0] + " " + words[i]);
    numbers[i - 2] = *number;
  }
  const std::string& verb = words[0];
  const size_t arguments = words.size() - 2;
  if (arguments == 0) {
    if (verb == "look") return Text(file.Look());
    if (verb == "touch") return Text(file.TouchAndLook());
    if (verb == "sync") return Done(file.Sync());
    if (verb == "unlock") return Done(file.Unlock(kLockOffset, kLockLength));
    if (verb == "lock") {
      EFS_ASSIGN_OR_RETURN(const bool locked, file.TryLock(kLockOffset, kLockLength));
      return std::string(locked ? "yes" : "no");
    }
    if (verb == "close") {
      open_.erase(opened);
      return std::string();
    }
  }
  if (verb == "truncate" && arguments == 1) return Done(file.Truncate(numbers[0]));
  if (verb == "chmod" && arguments == 1) return Done(file.ChangeMode(numbers[0] & 0777));
  if (verb == "read" && arguments == 2) return Read(file, numbers[0], numbers[1]);
  if (verb == "write" && arguments == 3 && numbers[1] <= kMaxLength_bytes) {
    return Done(file.WriteAt(numbers[0], Pattern(numbers[0], numbers[1], static_cast<uint32_t>(numbers[2]))));
  }
  return NotUnderstood(verb);
}

Actor::Answer Actor::Read(File& file, uint64_t offset, uint64_t length) {
  std::vector<std::byte> content(std::min(length, kMaxLength_bytes));
  EFS_ASSIGN_OR_RETURN(const size_t size, file.ReadAt(offset, content));
  return Digest(std::span(content).first(size));
}

Actor::Answer Actor::OnNames(const Words& words) {
  if (words.size() < 2 || words.size() > 3) return NotUnderstood(words[0]);
  const std::string& verb = words[0];
  EFS_ASSIGN_OR_RETURN(const std::string path, PathOf(words[1]));
  if (words.size() == 3) {
    EFS_ASSIGN_OR_RETURN(const std::string to, PathOf(words[2]));
    if (verb == "link") return Done(files_.Link(path, to));
    if (verb == "rename") return Done(files_.Rename(path, to));
    return NotUnderstood(verb);
  }
  if (verb == "stat") return Text(files_.Stat(path));
  if (verb == "list") return List(path);
  if (verb == "remove") return Done(files_.Remove(path));
  if (verb == "mkdir") return Done(files_.MakeDirectory(path, 0777));
  if (verb == "rmdir") return Done(files_.RemoveDirectory(path));
  if (verb == "syncdir") return Done(files_.SyncDirectory(path));
  if (verb == "create-pinned") return CreatePinned(path);
  if (verb == "pin") {
    EFS_ASSIGN_OR_RETURN(pinned_, files_.Pin(path));
    return std::string();
  }
  return NotUnderstood(verb);
}

Actor::Answer Actor::List(const std::string& path) {
  EFS_ASSIGN_OR_RETURN(std::vector<std::string> names, files_.List(path));
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

Actor::Answer Actor::CreatePinned(const std::string& path) {
  if (!pinned_) return NotUnderstood("create-pinned");
  const Result<std::unique_ptr<File>> file = pinned_->Open(path, OpenMode::kCreateNew);
  return Done(file.status());
}

Actor::Answer Actor::Sub(const std::string& request) {
  if (!sub_) {
    EFS_ASSIGN_OR_RETURN(sub_, StartActor(files_, folder_));
  }
  EFS_RETURN_IF_ERROR(sub_->Send(request));
  EFS_ASSIGN_OR_RETURN(const std::string answer, sub_->Receive(kPatience));
  return ParseAnswerLine(answer);
}

Result<std::string> Actor::PathOf(const std::string& name) const {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == '/';
  };
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), is_plain);
  if (!plain || name.front() == '/' || name.find("..") != std::string::npos) return NotUnderstood(name);
  return name == "." ? folder_ : folder_ + "/" + name;
}

Result<std::unique_ptr<Child>> StartActor(FileSystem& files, const std::string& folder) {
  const auto actor = std::make_shared<std::unique_ptr<Actor>>();  // made there: nothing that is open here is open there
  return Child::Start([actor, &files, folder](const std::string& line) {
    if (!*actor) *actor = std::make_unique<Actor>(files, folder);
    return (*actor)->Do(line);
  });
}

}  // namespace sqlite_efs::probe
