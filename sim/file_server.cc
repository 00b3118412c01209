#include "sim/file_server.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sim/host.h"

namespace sqlite_efs::sim {

void FileServer::Reset(uint64_t seed) {
  random_ = Random(seed);
  tick = 0;
  coarse_change = full = false;
  files_made = 0;
  if (inodes_.empty()) inodes_.push_back(nullptr);
  count_ = 1;
  refused_.assign(1, 0);
  (void)NewInode(/*is_directory=*/true, 0777, 0);
}

void FileServer::CopyFiles(const FileServer& other) {
  for (Ino ino = 1; ino < other.count_; ino++) {
    if (ino >= count_) (void)NewInode(false, 0, 0);
    *inodes_[ino] = *other.inodes_[ino];
    inodes_[ino]->locks.clear();
  }
}

Ino FileServer::NewInode(bool is_directory, uint32_t mode, uint8_t user) {
  if (count_ == inodes_.size()) inodes_.push_back(std::make_unique<Inode>());
  const Ino ino = static_cast<Ino>(count_++);
  Inode& inode = *inodes_[ino];
  inode.ino = ino;
  inode.is_directory = is_directory;
  inode.owner = user;
  inode.mode = mode;
  inode.links = is_directory ? 2 : 1;
  inode.size = 0;
  inode.change = 0;
  inode.answers_when_removed = random_.OneIn(2);
  inode.data.clear();
  inode.entries.clear();
  inode.locks.clear();
  Stamp(inode);
  return ino;
}

void FileServer::Stamp(Inode& inode) {
  const Time now = Scheduler::Get().now();
  inode.mtime = tick > 1 ? now / tick * tick : now;
  inode.change = coarse_change ? static_cast<uint64_t>(inode.mtime) : inode.change + 1;
}

void FileServer::StampChange(Inode& inode) {
  const Time mtime = inode.mtime;
  Stamp(inode);
  inode.mtime = mtime;
}

Ino FileServer::Lookup(Ino directory, std::string_view name) {
  for (const auto& [entry, ino] : Get(directory).entries) {
    if (entry == name) return ino;
  }
  return 0;
}

Ino FileServer::Resolve(std::string_view path) {
  Ino at = kRoot;
  while (at != 0 && !path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (!name.empty()) at = Lookup(at, name);
  }
  return at;
}

int FileServer::Create(Ino directory, const std::string& name, uint32_t mode, uint8_t user, bool is_directory,
                       Ino* made) {
  if (Get(directory).links == 0) return ENOENT;
  if (Lookup(directory, name) != 0) return EEXIST;
  if (full) return ENOSPC;
  *made = NewInode(is_directory, mode, user);
  Get(directory).entries.emplace_back(name, *made);
  Stamp(Get(directory));
  files_made++;
  return 0;
}

int FileServer::Link(Ino file, Ino directory, const std::string& name) {
  if (Get(directory).links == 0 || Get(file).links == 0) return ENOENT;
  if (Lookup(directory, name) != 0) return EEXIST;
  Get(directory).entries.emplace_back(name, file);
  Get(file).links++;
  StampChange(Get(file));
  Stamp(Get(directory));
  return 0;
}

void FileServer::DropLink(Inode& inode) {
  inode.links = inode.is_directory ? 0 : inode.links - 1;
  StampChange(inode);
}

int FileServer::Rename(Ino from_directory, const std::string& from, Ino to_directory, const std::string& to) {
  const Ino ino = Lookup(from_directory, from);
  if (ino == 0 || Get(to_directory).links == 0) return ENOENT;
  const Ino replaced = Lookup(to_directory, to);
  if (replaced == ino) return 0;
  if (replaced != 0) {
    Inode& old = Get(replaced);
    if (old.is_directory != Get(ino).is_directory) return old.is_directory ? EISDIR : ENOTDIR;
    if (!old.entries.empty()) return ENOTEMPTY;
    DropLink(old);
    std::erase_if(Get(to_directory).entries, [&](const auto& entry) { return entry.first == to; });
  }
  std::erase_if(Get(from_directory).entries, [&](const auto& entry) { return entry.first == from; });
  Get(to_directory).entries.emplace_back(to, ino);
  StampChange(Get(ino));
  Stamp(Get(from_directory));
  Stamp(Get(to_directory));
  return 0;
}

int FileServer::Remove(Ino directory, const std::string& name) {
  const Ino ino = Lookup(directory, name);
  if (ino == 0) return ENOENT;
  if (Get(ino).is_directory) return EISDIR;
  DropLink(Get(ino));
  std::erase_if(Get(directory).entries, [&](const auto& entry) { return entry.first == name; });
  Stamp(Get(directory));
  return 0;
}

int FileServer::RemoveDirectory(Ino directory, const std::string& name) {
  const Ino ino = Lookup(directory, name);
  if (ino == 0) return ENOENT;
  if (!Get(ino).is_directory) return ENOTDIR;
  if (!Get(ino).entries.empty()) return ENOTEMPTY;
  DropLink(Get(ino));
  std::erase_if(Get(directory).entries, [&](const auto& entry) { return entry.first == name; });
  Stamp(Get(directory));
  return 0;
}

size_t FileServer::Read(Ino ino, uint64_t offset, MutableBytes out) {
  const Inode& inode = Get(ino);
  if (offset >= inode.size) return 0;
  const size_t size = std::min<uint64_t>(out.size(), inode.size - offset);
  const size_t held = offset < inode.data.size() ? std::min<uint64_t>(size, inode.data.size() - offset) : 0;
  if (held != 0) std::memcpy(out.data(), inode.data.data() + offset, held);
  std::memset(out.data() + held, 0, size - held);
  return size;
}

int FileServer::BeginWrite(Ino ino, uint64_t end) {
  Inode& inode = Get(ino);
  if (full && end > inode.size) return ENOSPC;
  Stamp(inode);
  return 0;
}

void FileServer::Land(Ino ino, uint64_t offset, Bytes data) {
  Inode& inode = Get(ino);
  const uint64_t end = offset + data.size();
  if (inode.data.size() < end) inode.data.resize(end);
  std::memcpy(inode.data.data() + offset, data.data(), data.size());
  inode.size = std::max(inode.size, end);
}

int FileServer::Truncate(Ino ino, uint64_t size) {
  Inode& inode = Get(ino);
  if (full && size > inode.size) return ENOSPC;
  inode.size = size;
  if (inode.data.size() > size) inode.data.resize(size);
  Stamp(inode);
  return 0;
}

void FileServer::Touch(Ino ino) { Stamp(Get(ino)); }

void FileServer::ChangeMode(Ino ino, uint32_t mode) {
  Get(ino).mode = mode & 07777;
  StampChange(Get(ino));
}

bool FileServer::TryLock(Ino ino, const ServerLock& lock) {
  std::vector<ServerLock>& locks = Get(ino).locks;
  const auto conflicts = [&](const ServerLock& held) {
    return held.open != lock.open && held.begin < lock.end && lock.begin < held.end &&
           (held.exclusive || lock.exclusive);
  };
  for (const ServerLock& held : locks) {
    if (conflicts(held) && !held.host->LeaseIsOver(lock_lease)) return false;
  }
  std::erase_if(locks, [&](const ServerLock& held) {
    if (!conflicts(held)) return false;
    refused_[held.open] = 1;
    return true;
  });
  Unlock(ino, lock.open, lock.begin, lock.end);
  locks.push_back(lock);
  return true;
}

void FileServer::Unlock(Ino ino, OpenId open, uint64_t begin, uint64_t end) {
  std::vector<ServerLock>& locks = Get(ino).locks;
  for (size_t i = locks.size(); i-- > 0;) {
    const ServerLock held = locks[i];
    if (held.open != open || held.end <= begin || end <= held.begin) continue;
    locks.erase(locks.begin() + static_cast<ptrdiff_t>(i));
    if (held.begin < begin) locks.push_back({open, held.host, held.begin, begin, held.exclusive});
    if (held.end > end) locks.push_back({open, held.host, end, held.end, held.exclusive});
  }
}

OpenId FileServer::NewOpen() {
  refused_.push_back(0);
  return static_cast<OpenId>(refused_.size() - 1);
}

void FileServer::Close(Ino ino, OpenId open) {
  std::erase_if(Get(ino).locks, [&](const ServerLock& held) { return held.open == open; });
  refused_[open] = 1;
}

}  // namespace sqlite_efs::sim
