#include <algorithm>

#include "probe/questions.h"

namespace sqlite_efs::probe {
namespace {

constexpr uint64_t kLength_bytes = 4120;
// After it a change of times changes the times, however coarse they are (times.cc).
constexpr Duration kTwoTicks = std::chrono::milliseconds(100);

// A file that `one` has made, and `two` has open and looked at: what is cached there is old when `one` goes on.
struct Looked {
  std::string name;
  std::unique_ptr<SideFile> file;
  FileAttributes before;
};

Result<Looked> MakeAndLook(Side& one, Side& two, const std::string& name, const std::string& mode) {
  EFS_RETURN_IF_ERROR(one.Make(name, kLength_bytes, 1));
  EFS_RETURN_IF_ERROR(two.List().status());
  Looked looked = {name, nullptr, {}};
  EFS_ASSIGN_OR_RETURN(looked.file, two.Open(name, mode));
  EFS_ASSIGN_OR_RETURN(looked.before, looked.file->Look());
  return looked;
}

std::string Took(Duration longest) { return All(kRounds) + "; a look took up to " + Milliseconds(longest); }

Result<FileAttributes> TimedLook(const Looked& looked, const Place& place, Duration* longest) {
  return Timed(place.clock, longest, [&] { return looked.file->Look(); });
}

}  // namespace

Result<Answer> LookShowsWrites(Side& one, Side& two, const Place& place) {
  EFS_ASSIGN_OR_RETURN(const Looked looked, MakeAndLook(one, two, place.prefix, "read"));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> writer, one.Open(place.prefix, "write"));
  uint64_t size = kLength_bytes;
  Duration longest = Duration::zero();
  for (int i = 0; i < kRounds; i++) {
    EFS_RETURN_IF_ERROR(writer->Write(size, kLength_bytes, 2));
    EFS_RETURN_IF_ERROR(writer->Sync());
    size += kLength_bytes;
    EFS_ASSIGN_OR_RETURN(const FileAttributes seen, TimedLook(looked, place, &longest));
    if (seen.size != size) {
      return No("a look showed " + std::to_string(seen.size) + " bytes after " + std::to_string(size) +
                " were written");
    }
  }
  return Yes(Took(longest));
}

Result<Answer> LookShowsSecondName(Side& one, Side& two, const Place& place) {
  Duration longest = Duration::zero();
  for (int i = 0; i < kRounds; i++) {
    EFS_ASSIGN_OR_RETURN(const Looked looked, MakeAndLook(one, two, place.Name(i), "read"));
    EFS_RETURN_IF_ERROR(one.Link(looked.name, looked.name + ".sealed"));
    EFS_ASSIGN_OR_RETURN(const FileAttributes seen, TimedLook(looked, place, &longest));
    if (looked.before.links != 1 || seen.links != 2) {
      return No("looks showed " + std::to_string(looked.before.links) + " name and then " + std::to_string(seen.links) +
                ", where there were 1 and 2");
    }
  }
  return Yes(Took(longest));
}

Result<Answer> LookShowsMode(Side& one, Side& two, const Place& place) {
  Duration longest = Duration::zero();
  for (int i = 0; i < kRounds; i++) {
    EFS_ASSIGN_OR_RETURN(const Looked looked, MakeAndLook(one, two, place.Name(i), "read"));
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> owner, one.Open(looked.name, "readwrite"));
    EFS_RETURN_IF_ERROR(owner->ChangeMode(0755));
    EFS_ASSIGN_OR_RETURN(const FileAttributes seen, TimedLook(looked, place, &longest));
    if (seen.mode != 0755) return No("a look did not show the executable bit that was set");
  }
  return Yes(Took(longest));
}

Result<Answer> TouchTellsAll(Side& one, Side& two, const Place& place) {
  Duration longest = Duration::zero();
  for (int i = 0; i < kRounds; i++) {
    EFS_ASSIGN_OR_RETURN(const Looked looked, MakeAndLook(one, two, place.Name(i), "write"));
    EFS_RETURN_IF_ERROR(one.Link(looked.name, looked.name + ".sealed"));
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> owner, one.Open(looked.name, "readwrite"));
    EFS_RETURN_IF_ERROR(owner->ChangeMode(0755));
    place.clock.Sleep(kTwoTicks);
    EFS_ASSIGN_OR_RETURN(const FileAttributes seen, Timed(place.clock, &longest, [&] { return looked.file->Touch(); }));
    if (seen.links != 2) return No("its reply did not show the second name");
    if (seen.mode != 0755) return No("its reply did not show the executable bit");
    if (seen.mtime_ns == looked.before.mtime_ns) return No("it left the time as it was");
    EFS_ASSIGN_OR_RETURN(const FileAttributes after, looked.file->Look());
    if (after.mtime_ns != seen.mtime_ns) return No("a look after it showed another time than its reply");
  }
  return Yes(All(kRounds) + "; it took up to " + Milliseconds(longest));
}

Result<Answer> LookShowsRemoval(Side& one, Side& two, const Place& place) {
  std::string how;
  for (int i = 0; i < kRounds; i++) {
    EFS_ASSIGN_OR_RETURN(const Looked looked, MakeAndLook(one, two, place.Name(i), "read"));
    EFS_RETURN_IF_ERROR(one.Remove(looked.name));
    const Result<FileAttributes> seen = looked.file->Look();
    if (!seen.ok() && !seen.status().Is(StatusCode::kStale)) return seen.status();
    how = seen.ok() ? "it has no name" : "it is stale";
    if (!seen.ok() || seen->links == 0) continue;
    // An NFS client keeps a file that is open on its host under a name of its own.
    EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, two.List());
    const auto is_kept = [](const std::string& name) { return name.starts_with(".nfs"); };
    if (std::none_of(names.begin(), names.end(), is_kept)) {
      return No("a look at a file that was removed showed " + std::to_string(seen->links) + " name");
    }
    how = "kept as .nfs... while it is open on this host, as NFS clients do; its mark shows all the same";
  }
  return Yes(All(kRounds) + ": " + how);
}

}  // namespace sqlite_efs::probe
