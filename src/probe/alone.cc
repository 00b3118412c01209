#include <algorithm>
#include <array>
#include <cstdio>

#include "probe/pattern.h"
#include "probe/questions.h"
#include "probe/words.h"

namespace sqlite_efs::probe {
namespace {

constexpr uint64_t kFrame_bytes = 4120;
constexpr std::array<uint32_t, 4> kModes = {0644, 0755, 0600, 0640};

}  // namespace

Result<Answer> HasSecondNames(Side& one, Side&, const Place& place) {
  EFS_RETURN_IF_ERROR(one.Make(place.prefix, 1, 1));
  EFS_RETURN_IF_ERROR(one.Link(place.prefix, place.prefix + ".sealed"));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> file, one.Open(place.prefix + ".sealed", "read"));
  EFS_ASSIGN_OR_RETURN(const FileAttributes both, file->Look());
  EFS_RETURN_IF_ERROR(one.Remove(place.prefix));
  EFS_ASSIGN_OR_RETURN(const FileAttributes left, file->Look());
  if (both.links != 2 || left.links != 1) {
    return No("a file with two names has " + std::to_string(both.links) + ", and with one of them removed " +
              std::to_string(left.links));
  }
  return Yes("2 names, then 1");
}

Result<Answer> KeepsNames(Side& one, Side&, const Place& place) {
  const std::string uuid = "01234567-89ab-4cde-8f01-23456789abcd";
  std::vector<std::string> names = {"id",
                                    "lease",
                                    "copying",
                                    "counted",
                                    "tmp." + uuid,
                                    "0000000007",
                                    "0000000007.sealed",
                                    "0000000007.claim",
                                    "0000000007.merged",
                                    "0000000007.copied." + uuid,
                                    "db.sqlite3-wal.tmp." + uuid};
  EFS_RETURN_IF_ERROR(one.MakeDirectory(place.prefix));
  for (const std::string& name : names) {
    EFS_RETURN_IF_ERROR(one.Open(place.prefix + "/" + name, "new").status());
  }
  EFS_ASSIGN_OR_RETURN(std::vector<std::string> listed, one.List(place.prefix));
  std::sort(names.begin(), names.end());
  std::sort(listed.begin(), listed.end());
  if (listed == names) return Yes(All(static_cast<int>(names.size())));
  for (const std::string& name : names) {
    if (std::find(listed.begin(), listed.end(), name) == listed.end()) return No(name + " is not listed");
  }
  return No("more is listed than was made");
}

Result<Answer> KeepsModes(Side& one, Side&, const Place& place) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> file, one.Open(place.prefix, "new"));
  for (const uint32_t mode : kModes) {
    EFS_RETURN_IF_ERROR(file->ChangeMode(mode));
    EFS_ASSIGN_OR_RETURN(const FileAttributes seen, file->Look());
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), "%03o was set and %03o is seen", mode, seen.mode);
    if (seen.mode != mode) return No(text.data());
  }
  return Yes(All(kModes.size()));
}

Result<Answer> Syncs(Side& one, Side&, const Place& place) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> file, one.Open(place.prefix, "new"));
  EFS_RETURN_IF_ERROR(file->Truncate(uint64_t{1} << 20));
  Duration longest = Duration::zero();
  for (int i = 0; i < kRounds; i++) {
    const auto write = [&]() -> Status {
      EFS_RETURN_IF_ERROR(file->Write(static_cast<uint64_t>(i) * kFrame_bytes, kFrame_bytes, 1));
      return file->Sync();
    };
    EFS_RETURN_IF_ERROR(Timed(place.clock, &longest, write));
  }
  EFS_RETURN_IF_ERROR(one.Do("syncdir .").status());
  return Yes("a synced write takes up to " + Milliseconds(longest));
}

Result<Answer> RefusesToReplaceDirectories(Side& one, Side&, const Place& place) {
  const std::string from = place.prefix + ".from";
  const std::string used = place.prefix + ".used";
  for (const std::string& directory : {from, used}) {
    EFS_RETURN_IF_ERROR(one.MakeDirectory(directory));
    EFS_RETURN_IF_ERROR(one.Make(directory + "/id", 1, 1));
  }
  EFS_RETURN_IF_ERROR(one.Make(place.prefix + ".file", 1, 1));
  if (one.Rename(from, used).ok()) return No("it replaced a directory that was not empty");
  if (one.Rename(from, place.prefix + ".file").ok()) return No("it replaced a file");
  EFS_RETURN_IF_ERROR(one.Rename(from, place.prefix + ".to"));
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> moved, one.List(place.prefix + ".to"));
  if (moved.size() != 1) return No("what was in it is not there after the rename");
  return Yes("refused onto a directory in use and onto a file, done onto a free name");
}

}  // namespace sqlite_efs::probe
