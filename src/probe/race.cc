#include "probe/race.h"

#include <functional>
#include <optional>

#include "os/clock.h"
#include "probe/folder.h"
#include "probe/pattern.h"
#include "probe/words.h"

namespace sqlite_efs::probe {
namespace {

constexpr uint64_t kMaxCount = 250;                       // of names
constexpr uint32_t kMaxSeed = 255;                        // that one byte tells
constexpr Duration kPatience = std::chrono::seconds(80);  // twice: less than that of who asked
constexpr Duration kPoll = std::chrono::milliseconds(1);

struct Runner {
  FileSystem& files;
  std::string folder;
  std::string prefix;  // of paths
  uint64_t count;
  bool up;
  std::string mine;
  std::string theirs;

  std::string Path(uint64_t number) const { return prefix + "." + std::to_string(number); }
};

Status AwaitOther(const Runner& runner) {
  EFS_RETURN_IF_ERROR(runner.files.Open(runner.mine, OpenMode::kCreateNew).status());
  const Instant deadline = SystemClock().Now() + kPatience;
  while (true) {
    EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, runner.files.List(runner.folder));
    if (Lists(names, runner.theirs)) return {};
    if (SystemClock().Now() >= deadline) {
      return {StatusCode::kUnavailable, "the other one did not begin, or its file is not seen; try again"};
    }
    SystemClock().Sleep(kPoll);
  }
}

// `lost`: what the one who comes second is told.
Result<std::string> TakeEach(const Runner& runner, StatusCode lost, const std::function<Status(uint64_t)>& take) {
  std::string taken(runner.count, '0');
  for (uint64_t i = 1; i <= runner.count; i++) {
    const uint64_t number = runner.up ? i : runner.count + 1 - i;
    const Status status = take(number);
    if (!status.ok() && !status.Is(lost)) return status;
    taken[number - 1] = status.ok() ? '1' : '0';
  }
  return taken;
}

Result<std::string> Replace(const Runner& runner) {
  const std::string next = runner.prefix + ".next";
  for (uint64_t seed = 1; seed <= runner.count; seed++) {
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, runner.files.Open(next, OpenMode::kCreateNew));
    EFS_RETURN_IF_ERROR(file->WriteAt(0, Pattern(0, kReplacedLength_bytes, static_cast<uint32_t>(seed))));
    EFS_RETURN_IF_ERROR(file->Sync());
    EFS_RETURN_IF_ERROR(runner.files.Rename(next, runner.Path(0)));
  }
  return std::string();
}

// The seed of what is read; none: no pattern as a whole.
Result<std::optional<uint32_t>> ReadSeed(File& file) {
  std::vector<std::byte> content(kReplacedLength_bytes + 1);
  EFS_ASSIGN_OR_RETURN(const size_t size, file.ReadAt(0, content));
  if (size != kReplacedLength_bytes) return std::optional<uint32_t>();
  content.resize(size);
  const auto seed = static_cast<uint32_t>(content[0]);
  if (seed > kMaxSeed || content != Pattern(0, size, seed)) return std::optional<uint32_t>();
  return std::optional(seed);
}

Result<std::string> Watch(const Runner& runner) {
  uint64_t read = 0;
  uint64_t missing = 0;
  uint64_t mixed = 0;
  uint64_t removed = 0;
  const Instant deadline = SystemClock().Now() + kPatience;
  for (bool ended = false; !ended;) {
    if (SystemClock().Now() >= deadline) {
      return Status(StatusCode::kUnavailable,
                    "the last of " + std::to_string(runner.count) + " files is not seen in " + runner.Path(0));
    }
    EFS_RETURN_IF_ERROR(runner.files.List(runner.folder).status());
    const Result<std::unique_ptr<File>> file = runner.files.Open(runner.Path(0), OpenMode::kRead);
    if (!file.ok()) {
      (file.status().Is(StatusCode::kStale) ? removed : missing)++;
      continue;
    }
    const Result<std::optional<uint32_t>> seed = ReadSeed(**file);
    if (!seed.ok()) {
      if (!seed.status().Is(StatusCode::kStale)) return seed.status();
      removed++;
      continue;
    }
    (*seed ? read : mixed)++;
    ended = *seed && **seed == runner.count;
  }
  return JoinWords(std::to_string(read), std::to_string(missing), std::to_string(mixed), std::to_string(removed));
}

Result<std::string> Run(const Runner& runner, const std::string& kind) {
  FileSystem& files = runner.files;
  if (kind == "link") {
    return TakeEach(runner, StatusCode::kExists, [&](uint64_t n) { return files.Link(runner.mine, runner.Path(n)); });
  }
  if (kind == "create") {
    return TakeEach(runner, StatusCode::kExists,
                    [&](uint64_t n) { return files.Open(runner.Path(n), OpenMode::kCreateNew).status(); });
  }
  if (kind == "rename") {
    // To a name of one's own: that the file has got one and the same name, a server may rightly tell both.
    const std::string end = runner.up ? ".up" : ".down";
    return TakeEach(runner, StatusCode::kNotFound,
                    [&](uint64_t n) { return files.Rename(runner.Path(n), runner.Path(n) + end); });
  }
  if (kind == "replace") return Replace(runner);
  if (kind == "watch") return Watch(runner);
  return Status::Invalid("there is no race " + kind);
}

}  // namespace

Result<std::string> Race(FileSystem& files, const std::string& folder, const std::vector<std::string>& words) {
  const std::optional<uint64_t> count = words.size() == 7 ? ParseNumber(words[2]) : std::nullopt;
  if (!count || *count == 0 || *count > kMaxCount) return Status::Invalid("the race is not understood");
  for (size_t i = 4; i < words.size(); i++) {
    if (words[i].find('/') != std::string::npos) return Status::Invalid("the race is not understood");
  }
  const std::string prefix = folder + "/" + words[4];
  const Runner runner = {
      files, folder, prefix, *count, words[3] == "up", prefix + "." + words[5], prefix + "." + words[6]};
  EFS_RETURN_IF_ERROR(AwaitOther(runner));
  return Run(runner, words[1]);
}

}  // namespace sqlite_efs::probe
