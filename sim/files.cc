#include "sim/files.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "sim/calls.h"
#include "sim/file.h"
#include "store/layout.h"

namespace sqlite_efs::sim {
namespace {

constexpr char kHiddenName[] = ".nfs";

Status Check(int error, const char* action, const std::string& path) {
  return error == 0 ? Status() : Status::FromErrno(error, action, path);
}

std::string_view LastName(const std::string& path) { return std::string_view(path).substr(path.rfind('/') + 1); }

}  // namespace

// Walks the path by the host's caches, from the root (after the slot's number) or from the pinned directory.
SimFiles::Place SimFiles::Find(const std::string& path) const {
  Host& host = *process().host;
  FileServer& server = process().world->server;
  std::string_view rest = path;
  Ino directory = kRoot;
  const bool below =
      pinned_ != 0 && rest.starts_with(prefix_) && (rest.size() == prefix_.size() || rest[prefix_.size()] == '/');
  if (below) {
    rest.remove_prefix(prefix_.size());
    directory = pinned_;
  } else {
    rest.remove_prefix(std::min(rest.find('/', 1), rest.size()));
  }
  Place place = {directory, "", directory};
  while (!rest.empty()) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (place.ino == 0 || !server.Get(place.ino).is_directory) return {};
    place.directory = place.ino;
    place.name = name;
    place.ino = host.LookUp(place.directory, name);
  }
  return place;
}

Status SimFiles::CheckDirectory(const Place& place, const char* action, const std::string& path) const {
  if (place.directory == 0 || place.name.empty()) return Status::FromErrno(ENOENT, action, path);
  const Inode& directory = process().world->server.Get(place.directory);
  if (directory.links == 0) return Status::FromErrno(ESTALE, action, path);
  if (MayWriteTo(directory.owner, directory.mode, process().user)) return {};
  return Status::FromErrno(EACCES, action, path);
}

Result<std::unique_ptr<File>> SimFiles::Open(const std::string& path, OpenMode mode, uint32_t permissions) {
  return Call(process(), Op::kOpen, path, true,
              [&](const Verdict&) -> Result<std::unique_ptr<File>> { return OpenNow(path, mode, permissions); });
}

Result<std::unique_ptr<File>> SimFiles::OpenNow(const std::string& path, OpenMode mode, uint32_t permissions) {
  Host& host = *process().host;
  FileServer& server = process().world->server;
  Place place = Find(path);
  const bool creates = mode == OpenMode::kCreateNew || mode == OpenMode::kCreateOrOpen;
  bool created = false;
  // A name that is believed to be missing is made at the server, which knows better.
  if (creates && (place.ino == 0 || mode == OpenMode::kCreateNew)) {
    EFS_RETURN_IF_ERROR(CheckDirectory(place, "open", path));
    const int error = server.Create(place.directory, place.name, permissions, process().user, false, &place.ino);
    created = error == 0;
    if (error == EEXIST) place.ino = server.Lookup(place.directory, place.name);
    if (error == 0 || error == EEXIST) host.Remember(place.directory, place.name, place.ino);
    if (error == 0 && place.name.ends_with(".claim")) process().world->counts.claims++;
    if (error != 0 && (error != EEXIST || mode == OpenMode::kCreateNew)) return Status::FromErrno(error, "open", path);
  }
  if (place.ino == 0) return Status::FromErrno(ENOENT, "open", path);
  const Inode& inode = server.Get(place.ino);
  if (inode.links == 0 && !inode.answers_when_removed) return Status::FromErrno(ESTALE, "open", path);
  const bool fresh = mode == OpenMode::kReadFresh;
  const bool writable = mode != OpenMode::kRead && !fresh;
  if (writable && inode.is_directory) return Status::FromErrno(EISDIR, "open", path);
  if (writable && !created && !MayWriteTo(inode.owner, inode.mode, process().user)) {
    return Status::FromErrno(EACCES, "open", path);
  }
  if (!host.local()) host.Revalidate(place.ino);  // close-to-open
  return std::unique_ptr<File>(new SimFile(process(), place.ino, writable, fresh, path));
}

// Not atomic: what changes while it is read may be seen or not.
Result<std::vector<std::string>> SimFiles::List(const std::string& path) {
  World& world = *process().world;
  std::vector<std::string> before;
  Ino directory = 0;
  EFS_RETURN_IF_ERROR(Call(process(), Op::kList, path, true, [&](const Verdict&) -> Status {
    directory = Find(path).ino;
    if (directory == 0) return Status::FromErrno(ENOENT, "list", path);
    const Inode& inode = world.server.Get(directory);
    if (!inode.is_directory) return Status::FromErrno(ENOTDIR, "list", path);
    if (inode.links == 0) return Status::FromErrno(inode.answers_when_removed ? ENOENT : ESTALE, "list", path);
    process().host->ForgetNames(directory);
    for (const auto& [name, ino] : inode.entries) before.push_back(name);
    return {};
  }));
  std::vector<std::string> names;
  for (const auto& [name, ino] : world.server.Get(directory).entries) {
    const bool known = std::erase(before, name) != 0;
    if (known || world.latency.OneIn(2)) names.push_back(name);
  }
  for (std::string& removed : before) {
    if (world.latency.OneIn(2)) names.push_back(std::move(removed));
  }
  process().host->listings[directory] = names;
  return names;
}

// What this host listed last, perhaps long ago, or what there is.
Result<std::vector<std::string>> SimFiles::ListKnown(const std::string& path) {
  const auto known = process().host->listings.find(Find(path).ino);
  if (known != process().host->listings.end() && process().world->latency.OneIn(2)) return known->second;
  return List(path);
}

Result<FileAttributes> SimFiles::Stat(const std::string& path) {
  Host& host = *process().host;
  const Place known = Find(path);
  const CachedAttributes* const cached = known.ino == 0 ? nullptr : host.Attributes(known.ino);
  return Call(process(), Op::kStat, path, cached == nullptr, [&](const Verdict&) -> Result<FileAttributes> {
    const Place place = Find(path);
    if (place.ino == 0) return Status::FromErrno(ENOENT, "look at", path);
    if (const CachedAttributes* const a = host.Attributes(place.ino)) {
      return FileAttributes{1, place.ino, a->size, a->links, a->mode, a->mtime, a->is_directory};
    }
    const Inode& inode = process().world->server.Get(place.ino);
    if (inode.links == 0 && !inode.answers_when_removed) return Status::FromErrno(ESTALE, "look at", path);
    if (!host.local()) host.Revalidate(place.ino);
    return FileAttributes{1, inode.ino, inode.size, inode.links, inode.mode, inode.mtime, inode.is_directory};
  });
}

Status SimFiles::Link(const std::string& existing, const std::string& name) {
  // Late: as the caches are now.
  const auto late = [&]() -> std::function<void()> {
    const Place from = Find(existing);
    const Place to = Find(name);
    if (from.ino == 0 || to.directory == 0) return nullptr;
    return [&server = process().world->server, from, to] { (void)server.Link(from.ino, to.directory, to.name); };
  };
  return Call(
      process(), Op::kLink, name, true, [&](const Verdict&) { return LinkNow(existing, name); }, late);
}

Status SimFiles::LinkNow(const std::string& existing, const std::string& name) {
  World& world = *process().world;
  const Place from = Find(existing);
  const Place to = Find(name);
  if (from.ino == 0) return Status::FromErrno(ENOENT, "create", name);
  EFS_RETURN_IF_ERROR(CheckDirectory(to, "create", name));
  const int error = world.server.Link(from.ino, to.directory, to.name);
  if (error == 0 || error == EEXIST) {
    process().host->Remember(to.directory, to.name, world.server.Lookup(to.directory, to.name));
  }
  process().host->Changed(from.ino);
  if (error == 0 && ParseSegmentName(to.name)) world.counts.seals++;
  if (error == 0) world.Progress();
  return Check(error, "create", name);
}

Status SimFiles::Rename(const std::string& from, const std::string& to) {
  const auto late = [&]() -> std::function<void()> {
    const Place source = Find(from);
    const Place target = Find(to);
    if (source.directory == 0 || target.directory == 0) return nullptr;
    return [&server = process().world->server, source, target] {
      (void)server.Rename(source.directory, source.name, target.directory, target.name);
    };
  };
  return Call(
      process(), Op::kRename, to, true, [&](const Verdict&) { return RenameNow(from, to); }, late);
}

Status SimFiles::RenameNow(const std::string& from, const std::string& to) {
  World& world = *process().world;
  const Place source = Find(from);
  const Place target = Find(to);
  EFS_RETURN_IF_ERROR(CheckDirectory(source, "rename to", to));
  EFS_RETURN_IF_ERROR(CheckDirectory(target, "rename to", to));
  const int error = world.server.Rename(source.directory, source.name, target.directory, target.name);
  if (error == 0) {
    process().host->Forget(source.directory, source.name);
    process().host->Remember(target.directory, target.name, world.server.Lookup(target.directory, target.name));
    if (LastName(to).ends_with(".merged")) world.counts.merges++;
    if (LastName(to) == "copying") world.counts.copyings++;
    world.Progress();
  }
  return Check(error, "rename to", to);
}

Status SimFiles::MakeDirectory(const std::string& path, uint32_t permissions) {
  return Call(process(), Op::kMakeDirectory, path, true, [&](const Verdict&) -> Status {
    const Place place = Find(path);
    EFS_RETURN_IF_ERROR(CheckDirectory(place, "make directory", path));
    Ino made = 0;
    const int error =
        process().world->server.Create(place.directory, place.name, permissions, process().user, true, &made);
    if (error == 0) process().host->Remember(place.directory, place.name, made);
    return Check(error, "make directory", path);
  });
}

Status SimFiles::Hide(const Place& place, const std::string& path) {
  World& world = *process().world;
  const std::string hidden = kHiddenName + std::to_string(world.server.files_made) + "." + std::to_string(world.calls);
  const int error = world.server.Rename(place.directory, place.name, place.directory, hidden);
  if (error == 0) {
    process().host->Remember(place.directory, place.name, 0);
    process().host->hidden.push_back({place.ino, place.directory, hidden});
  }
  return Check(error, "remove", path);
}

Status SimFiles::RemoveNow(Op op, const std::string& path) {
  const Place place = Find(path);
  EFS_RETURN_IF_ERROR(CheckDirectory(place, "remove", path));
  World& world = *process().world;
  FileServer& server = world.server;
  Host& host = *process().host;
  // A file that is open on this machine keeps a name that its NFS client makes up.
  if (op == Op::kRemove && !host.local() && place.ino != 0 && world.IsOpenOn(host, place.ino)) {
    if (place.name.starts_with(kHiddenName)) return Status::FromErrno(EBUSY, "remove", path);
    if (world.latency.OneIn(2)) return Hide(place, path);
  }
  const int error = op == Op::kRemove ? server.Remove(place.directory, place.name)
                                      : server.RemoveDirectory(place.directory, place.name);
  if (error == 0) process().host->Remember(place.directory, place.name, 0);
  return Check(error, "remove", path);
}

Status SimFiles::Remove(const std::string& path) {
  const auto late = [&]() -> std::function<void()> {
    const Place place = Find(path);
    if (place.directory == 0) return nullptr;
    return [&server = process().world->server, place] { (void)server.Remove(place.directory, place.name); };
  };
  return Call(
      process(), Op::kRemove, path, true, [&](const Verdict&) { return RemoveNow(Op::kRemove, path); }, late);
}

Status SimFiles::RemoveDirectory(const std::string& path) {
  return Call(process(), Op::kRemoveDirectory, path, true,
              [&](const Verdict&) { return RemoveNow(Op::kRemoveDirectory, path); });
}

Status SimFiles::SyncDirectory(const std::string& path) {
  return Call(process(), Op::kSyncDirectory, path, false, [&](const Verdict&) -> Status {
    return Find(path).ino != 0 ? Status() : Status::FromErrno(ENOENT, "open", path);
  });
}

bool SimFiles::MayWrite(const std::string& path) {
  const Place place = process().dead() ? Place{} : Find(path);
  if (place.ino == 0) return false;
  const CachedAttributes* const cached = process().host->Attributes(place.ino);
  const Inode& inode = process().world->server.Get(place.ino);
  return MayWriteTo(inode.owner, cached != nullptr ? cached->mode : inode.mode, process().user);
}

Result<std::unique_ptr<FileSystem>> SimFiles::Pin(const std::string& directory) {
  return Call(process(), Op::kOpen, directory, true, [&](const Verdict&) -> Result<std::unique_ptr<FileSystem>> {
    const Ino ino = Find(directory).ino;
    if (ino == 0) return Status::FromErrno(ENOENT, "open", directory);
    if (!process().world->server.Get(ino).is_directory) return Status::FromErrno(ENOTDIR, "open", directory);
    return std::unique_ptr<FileSystem>(new SimFiles(process_, ino, directory));
  });
}

}  // namespace sqlite_efs::sim
