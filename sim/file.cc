#include "sim/file.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "sim/calls.h"

namespace sqlite_efs::sim {
namespace {

constexpr size_t kLargestCachedWrite_bytes = size_t{64} << 10;
constexpr size_t kSector_bytes = 512;
constexpr Time kSoftMount = 20 * kSecond;

Scheduler& scheduler() { return Scheduler::Get(); }

// Up to the end of a sector: less is not torn apart.
size_t TornSize(uint64_t offset, size_t size, uint64_t detail) {
  const uint64_t end = (offset + detail % (size + 1)) / kSector_bytes * kSector_bytes;
  return end > offset ? end - offset : 0;
}

}  // namespace

Status Misfortune(Op op, const std::string& path, uint64_t detail) {
  const bool needs_space =
      op == Op::kWrite || op == Op::kWriteBase || op == Op::kTruncate || op == Op::kLink || op == Op::kMakeDirectory;
  const int error = needs_space && detail % 3 == 0 ? ENOSPC : EIO;
  return Status::FromErrno(error, "(fault)", path);
}

SimFile::SimFile(Process& process, Ino ino, bool writable, bool fresh, std::string path)
    : process_(process),
      writable_(writable),
      fresh_(fresh && !process.host->local()),
      path_(std::move(path)),
      is_base_(path_.ends_with("/db")) {
  state_ = {&process, ino, server().NewOpen(), writable};
  process.open.push_back(&state_);
  host().Opened(ino, writable);
  if (!host().local()) known_errors_ = host().FileOf(ino).errors;
  const Inode& inode = server().Get(ino);
  opened_ = {1, ino, inode.size, inode.links, inode.mode, inode.mtime, inode.is_directory};
}

SimFile::~SimFile() {
  if (state_.process == nullptr) return;  // the process was killed
  std::erase(process_.open, &state_);
  process_.world->Close(host(), state_);
}

// Whether the server answers for this descriptor.
Status SimFile::CheckHandle(const char* action) const {
  const Inode& inode = server().Get(state_.ino);
  if (server().Refuses(state_.open)) return Fail(EIO, action);
  if (host().local() || inode.links > 0 || inode.answers_when_removed) return {};
  return Fail(ESTALE, action);
}

Result<size_t> SimFile::ReadAt(uint64_t offset, MutableBytes out) {
  const bool cached = !fresh_ && host().HasPages(state_.ino, offset, out.size());
  return Call(process_, Op::kRead, path_, !cached, [&](const Verdict&) -> Result<size_t> {
    if (fresh_) EFS_RETURN_IF_ERROR(SendWrites());
    if (!cached) EFS_RETURN_IF_ERROR(CheckHandle("read"));
    process_.world->Detail(offset, out.size());
    if (fresh_) return server().Read(state_.ino, offset, out);
    return host().Read(state_.ino, offset, out);
  });
}

Status SimFile::WriteAt(uint64_t offset, Bytes data) {
  const auto late = [&]() -> std::function<void()> {
    return [&server = server(), ino = state_.ino, offset, copy = std::vector<std::byte>(data.begin(), data.end())] {
      if (server.BeginWrite(ino, offset + copy.size()) == 0) server.Land(ino, offset, copy);
    };
  };
  Status status = Call(
      process_, is_base_ ? Op::kWriteBase : Op::kWrite, path_, false,
      [&](const Verdict& verdict) -> Status {
        if (!writable_) return Fail(EBADF, "write to");
        EFS_RETURN_IF_ERROR(CheckHandle("write to"));
        process_.world->Detail(offset, data.size());
        const bool torn = verdict.outcome == Verdict::Outcome::kTorn;
        const Bytes part = torn ? data.first(TornSize(offset, data.size(), verdict.detail)) : data;
        if (host().local()) {
          EFS_RETURN_IF_ERROR(WriteLocally(offset, part));
        } else {
          host().Write(state_.ino, state_.open, offset, part);
        }
        return torn ? Misfortune(Op::kWrite, path_, verdict.detail) : Status();
      },
      late);
  const bool at_once = data.size() > kLargestCachedWrite_bytes || process_.world->latency.OneIn(4);
  if (status.ok() && !host().local() && at_once) {
    host().Flush(state_.ino);
    return AwaitWrites(/*tell=*/true);
  }
  return status;
}

// The times change at the beginning, the data comes later, in parts; whoever is killed meanwhile has written some.
Status SimFile::WriteLocally(uint64_t offset, Bytes data) {
  World& world = *process_.world;
  const int error = server().BeginWrite(state_.ino, offset + data.size());
  if (error != 0) return Fail(error, "write to");
  for (size_t done = 0; done < data.size();) {
    const size_t in_page = (offset + done) % kKernelPage_bytes;
    const bool whole = !world.latency.OneIn(4);
    const size_t size = std::min(data.size() - done, whole ? data.size() : kKernelPage_bytes - in_page);
    if (world.latency.OneIn(4)) {
      scheduler().Sleep(world.latency.Magnitude(kMicrosecond, world.latency.OneIn(16) ? kSecond : 100 * kMicrosecond));
    }
    if (process_.dead()) return Gone(path_);
    server().Land(state_.ino, offset + done, data.subspan(done, size));
    done += size;
  }
  return {};
}

// Until what this host has written to the file is on the server; `tell`: or has failed to get there.
Status SimFile::AwaitWrites(bool tell) {
  CachedFile& file = host().FileOf(state_.ino);
  while (file.writes_under_way > 0 && !process_.dead()) {
    const bool landed = scheduler().Block(&file, scheduler().now() + kSoftMount);
    if (!landed && host().is_cut()) return Fail(EIO, "(no network)");
  }
  if (!tell || std::exchange(known_errors_, file.errors) == file.errors) return {};
  return Fail(file.error, "(in the background) write to");
}

Status SimFile::Sync() {
  return Call(process_, is_base_ ? Op::kSyncBase : Op::kSync, path_, true, [&](const Verdict&) -> Status {
    if (host().local()) return {};
    host().Flush(state_.ino);
    return AwaitWrites(/*tell=*/true);
  });
}

// Unlike a write, which the client sends before it gives up a killed process's locks, a change of size may come late.
Status SimFile::Truncate(uint64_t size) {
  const auto apply = [&server = server(), state = state_, size] {
    return server.Refuses(state.open) ? EIO : server.Truncate(state.ino, size);
  };
  return Call(
      process_, Op::kTruncate, path_, true,
      [&](const Verdict&) -> Status {
        if (!writable_) return Fail(EBADF, "set the size of");
        EFS_RETURN_IF_ERROR(CheckHandle("set the size of"));
        if (!host().local()) {
          host().Flush(state_.ino);
          EFS_RETURN_IF_ERROR(AwaitWrites(/*tell=*/true));
        }
        process_.world->Detail(size, 0);
        const int error = apply();
        host().Changed(state_.ino);
        return error == 0 ? Status() : Fail(error, "set the size of");
      },
      [&]() -> std::function<void()> { return [apply] { (void)apply(); }; });
}

Result<FileAttributes> SimFile::Look() {
  return Call(process_, Op::kLook, path_, true, [&](const Verdict&) -> Result<FileAttributes> {
    EFS_RETURN_IF_ERROR(SendWrites());
    EFS_RETURN_IF_ERROR(CheckHandle("look at"));
    return See();
  });
}

// The client first brings what it holds to the server, so that the times are right.
Status SimFile::SendWrites() {
  if (host().local() || host().FileOf(state_.ino).dirty.empty()) return {};
  host().Flush(state_.ino);
  return AwaitWrites(/*tell=*/false);
}

// What a reply of the server's tells.
FileAttributes SimFile::See() {
  const Inode& inode = server().Get(state_.ino);
  if (!host().local()) host().Revalidate(state_.ino);
  if (inode.is_directory) host().ForgetNames(state_.ino);
  process_.world->Detail(inode.change, static_cast<uint64_t>(inode.mtime));
  return FileAttributes{1, inode.ino, inode.size, inode.links, inode.mode, inode.mtime, inode.is_directory};
}

Result<FileAttributes> SimFile::TouchAndLook() {
  const auto apply = [&server = server(), ino = state_.ino] { server.Touch(ino); };
  return Call(
      process_, is_base_ ? Op::kTouchBase : Op::kTouch, path_, true,
      [&](const Verdict&) -> Result<FileAttributes> {
        EFS_RETURN_IF_ERROR(SendWrites());
        EFS_RETURN_IF_ERROR(CheckHandle("set the time of"));
        if (!writable_ && server().Get(state_.ino).owner != process_.user) return Fail(EACCES, "set the time of");
        apply();
        host().Changed(state_.ino);
        return See();
      },
      [&]() -> std::function<void()> { return apply; });
}

Status SimFile::ChangeMode(uint32_t mode) {
  const auto apply = [&server = server(), ino = state_.ino, mode] { server.ChangeMode(ino, mode); };
  return Call(
      process_, Op::kChangeMode, path_, true,
      [&](const Verdict&) -> Status {
        EFS_RETURN_IF_ERROR(CheckHandle("change the mode of"));
        if (server().Get(state_.ino).owner != process_.user) return Fail(EPERM, "change the mode of");
        process_.world->Detail(mode, 0);
        apply();
        host().Changed(state_.ino);
        return {};
      },
      [&]() -> std::function<void()> { return apply; });
}

Result<bool> SimFile::Lock(uint64_t offset, uint64_t length, bool exclusive) {
  return Call(process_, Op::kTryLock, path_, true, [&](const Verdict&) -> Result<bool> {
    EFS_RETURN_IF_ERROR(CheckHandle("lock"));
    const ServerLock lock = {state_.open, &host(), offset, offset + length, exclusive};
    const bool taken = server().TryLock(state_.ino, lock);
    if (taken && !host().local()) host().DropPages(state_.ino);
    return taken;
  });
}

Status SimFile::Unlock(uint64_t offset, uint64_t length) {
  const auto apply = [&server = server(), ino = state_.ino, open = state_.open, offset, length] {
    server.Unlock(ino, open, offset, offset + length);
  };
  return Call(
      process_, Op::kUnlock, path_, true,
      [&](const Verdict&) -> Status {
        apply();
        return {};
      },
      [&]() -> std::function<void()> { return apply; });
}

}  // namespace sqlite_efs::sim
