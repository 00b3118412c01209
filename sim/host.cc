#include "sim/host.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sqlite_efs::sim {
namespace {

constexpr Time kShortestAttributes = 3 * kSecond;
constexpr Time kLongestAttributes = 60 * kSecond;
constexpr Time kShortestName = 30 * kSecond;
constexpr Time kLongestName = 60 * kSecond;
constexpr Time kMissingName = 30 * kSecond;
constexpr Time kLongestBackground = 20 * kSecond;
constexpr Time kLongestLanding = 20 * kMillisecond;
constexpr size_t kLongestReadAhead_pages = 16;

}  // namespace

// --- state

void Host::Silence() {
  if (silent_since_ == kForever) silent_since_ = Scheduler::Get().now();
}

void Host::Freeze(bool clock_stands) {
  Silence();
  frozen_++;
  Rebase();
  clock_stands_ = clock_stands_ || clock_stands;
}

void Host::Thaw() {
  Rebase();
  if (--frozen_ == 0) clock_stands_ = false;
  RunDeferred();
}

void Host::Cut() {
  Silence();
  cut_++;
}

void Host::Heal() {
  cut_--;
  RunDeferred();
}

// What the dead host's kernel had on its way may already be in the network.
void Host::Die() {
  Silence();
  dead = true;
  deferred_.clear();
}

void Host::RunDeferred() {
  if (frozen_ > 0 || cut_ > 0 || dead) return;
  silent_since_ = kForever;
  for (std::function<void()>& action : std::exchange(deferred_, {})) Do(Scheduler::Get().now(), std::move(action));
}

void Host::Do(Time at, std::function<void()> action) {
  Scheduler::Get().At(at, [this, action = std::move(action)]() mutable {
    const bool in_the_network = random_.OneIn(2);
    if (dead && !in_the_network) return;
    if (!dead && (frozen_ > 0 || cut_ > 0)) {
      deferred_.push_back(std::move(action));
    } else {
      action();
    }
  });
}

bool Host::LeaseIsOver(Time lease) const {
  return silent_since_ != kForever && Scheduler::Get().now() - silent_since_ > lease;
}

// --- clocks

Time Host::Monotonic() const {
  if (clock_stands_) return monotonic_;
  const Time passed = Scheduler::Get().now() - rebased_;
  return monotonic_ + passed + passed / 1000 * drift_;
}

void Host::Rebase() {
  monotonic_ = Monotonic();
  rebased_ = Scheduler::Get().now();
}

Time Host::ToWorld(Time duration) const { return duration / (1000 + drift_) * 1000 + kMicrosecond; }

int64_t Host::Wall_ms() const { return wall_ms_ + Scheduler::Get().now() / kMillisecond; }

void Host::Drift(int32_t parts_per_thousand) {
  Rebase();
  drift_ = parts_per_thousand;
}

// --- names

Host::Name* Host::FindName(Ino directory, std::string_view name) {
  for (Name& entry : names_) {
    if (entry.directory == directory && entry.name == name) return &entry;
  }
  return nullptr;
}

Ino Host::LookUp(Ino directory, std::string_view name) {
  if (local_) return server_.Lookup(directory, name);
  const Name* const cached = FindName(directory, name);
  if (cached != nullptr && Scheduler::Get().now() < cached->expires) {
    if (cached->ino == 0) return 0;
    const Inode& inode = server_.Get(cached->ino);
    // A file without a name may answer ESTALE; then the kernel looks the name up again.
    if (inode.links > 0 || inode.answers_when_removed) return cached->ino;
  }
  const Ino ino = server_.Lookup(directory, name);
  Remember(directory, name, ino);
  return ino;
}

void Host::Remember(Ino directory, std::string_view name, Ino ino) {
  if (local_) return;
  const Time life =
      ino == 0 ? kMissingName : static_cast<Time>(random_.Between(uint64_t{kShortestName}, uint64_t{kLongestName}));
  const Time expires = Scheduler::Get().now() + life;
  if (Name* const cached = FindName(directory, name)) {
    cached->ino = ino;
    cached->expires = expires;
  } else {
    names_.push_back({directory, std::string(name), ino, expires});
  }
}

void Host::Forget(Ino directory, std::string_view name) {
  if (Name* const cached = FindName(directory, name)) cached->expires = 0;
}

void Host::ForgetNames(Ino directory) {
  for (Name& entry : names_) {
    if (entry.directory == directory) entry.expires = 0;
  }
}

// --- files

CachedFile& Host::FileOf(Ino ino) {
  if (files_.size() <= ino) files_.resize(ino + 1);
  if (!files_[ino]) files_[ino] = std::make_unique<CachedFile>();
  return *files_[ino];
}

const CachedAttributes* Host::Attributes(Ino ino) {
  if (local_) return nullptr;
  const CachedFile& file = FileOf(ino);
  return file.known && Scheduler::Get().now() < file.expires ? &file.attributes : nullptr;
}

const CachedAttributes& Host::Revalidate(Ino ino) {
  const Inode& inode = server_.Get(ino);
  CachedFile& file = FileOf(ino);
  if (file.known && (file.attributes.change != inode.change || file.attributes.size != inode.size)) {
    // As long as somebody here may have written that, it is taken for this host's own change.
    if (file.writers == 0) {
      std::fill(file.valid.begin(), file.valid.end(), uint8_t{0});
    } else {
      file.doubtful = true;
    }
  }
  file.known = true;
  file.attributes = {inode.is_directory, inode.owner, inode.mode, inode.links, inode.size, inode.mtime, inode.change};
  file.expires = Scheduler::Get().now() + random_.Magnitude(kShortestAttributes, kLongestAttributes);
  return file.attributes;
}

void Host::DropPages(Ino ino) {
  CachedFile& file = FileOf(ino);
  std::fill(file.valid.begin(), file.valid.end(), uint8_t{0});
  file.doubtful = false;
  Revalidate(ino);
}

void Host::Opened(Ino ino, bool writable) {
  if (local_) return;
  CachedFile& file = FileOf(ino);
  file.opens++;
  if (writable) file.writers++;
}

void Host::Closed(Ino ino, bool writable) {
  if (local_) return;
  CachedFile& file = FileOf(ino);
  if (writable) file.writers--;
  if (--file.opens == 0 && file.doubtful) DropPages(ino);
}

void Host::Changed(Ino ino) {
  if (!local_) FileOf(ino).expires = 0;
}

// As this host believes: what another one has appended is not seen before the attributes are.
uint64_t Host::SizeOf(const CachedFile& file) const {
  uint64_t size = file.attributes.size;
  for (const Extent& extent : file.dirty) size = std::max(size, extent.offset + extent.bytes.size());
  return size;
}

bool Host::HasPages(Ino ino, uint64_t offset, size_t size) {
  if (local_) return false;
  CachedFile& file = FileOf(ino);
  if (Attributes(ino) == nullptr) return false;
  const uint64_t end = std::min(offset + size, SizeOf(file));
  for (uint64_t page = offset / kKernelPage_bytes; page * kKernelPage_bytes < end; page++) {
    if (page >= file.valid.size() || file.valid[page] == 0) return false;
  }
  return true;
}

void Host::Overlay(const Extent& extent, CachedFile& file, size_t page) const {
  const uint64_t begin = std::max<uint64_t>(extent.offset, page * kKernelPage_bytes);
  const uint64_t end = std::min<uint64_t>(extent.offset + extent.bytes.size(), (page + 1) * kKernelPage_bytes);
  if (begin < end) std::memcpy(&file.data[begin], &extent.bytes[begin - extent.offset], end - begin);
}

void Host::FillPage(Ino ino, CachedFile& file, size_t page) {
  if (file.valid.size() <= page) {
    file.valid.resize(page + 1);
    file.data.resize((page + 1) * kKernelPage_bytes);
  }
  if (file.valid[page] != 0) return;
  const MutableBytes out = MutableBytes(file.data).subspan(page * kKernelPage_bytes, kKernelPage_bytes);
  const size_t size = server_.Read(ino, page * kKernelPage_bytes, out);
  std::memset(out.data() + size, 0, out.size() - size);
  for (const Extent& extent : file.dirty) Overlay(extent, file, page);
  file.valid[page] = 1;
}

size_t Host::Read(Ino ino, uint64_t offset, MutableBytes out) {
  if (local_) return server_.Read(ino, offset, out);
  CachedFile& file = FileOf(ino);
  if (Attributes(ino) == nullptr) Revalidate(ino);
  const uint64_t size = SizeOf(file);
  if (offset >= size || out.empty()) return 0;
  const uint64_t end = std::min<uint64_t>(offset + out.size(), size);
  const size_t first = offset / kKernelPage_bytes;
  const size_t last = (end - 1) / kKernelPage_bytes;
  const size_t there = server_.Get(ino).data.size() / kKernelPage_bytes;  // whole pages
  const size_t ahead = random_.OneIn(4) ? random_.Between(1, kLongestReadAhead_pages) : 0;
  for (size_t page = first; page <= last || page < std::min(last + 1 + ahead, there); page++) FillPage(ino, file, page);
  std::memcpy(out.data(), &file.data[offset], end - offset);
  return end - offset;
}

void Host::Write(Ino ino, OpenId open, uint64_t offset, Bytes data) {
  CachedFile& file = FileOf(ino);
  file.dirty.push_back({offset, {data.begin(), data.end()}, open, file.next_extent++, false});
  const uint64_t end = offset + data.size();
  for (size_t page = offset / kKernelPage_bytes; page * kKernelPage_bytes < end; page++) {
    if (page < file.valid.size() && file.valid[page] != 0) Overlay(file.dirty.back(), file, page);
  }
  const Time delay = random_.Magnitude(kMillisecond, kLongestBackground);
  Do(Scheduler::Get().now() + delay, [this, ino] { Flush(ino); });
}

void Host::Flush(Ino ino) {
  CachedFile& file = FileOf(ino);
  for (Extent& extent : file.dirty) {
    if (!extent.sent) Send(ino, extent);
  }
}

void Host::WhenWritten(Ino ino, std::function<void()> action) {
  if (local_) return action();
  Flush(ino);
  CachedFile& file = FileOf(ino);
  if (file.writes_under_way == 0) return Do(Scheduler::Get().now(), std::move(action));
  file.when_written.push_back(std::move(action));
}

// One WRITE, or several: the parts land in any order.
void Host::Send(Ino ino, Extent& extent) {
  CachedFile& file = FileOf(ino);
  extent.sent = true;
  file.writes_under_way++;
  const Time now = Scheduler::Get().now();
  // Two writes to one place keep their order.
  file.last_begin = std::max(file.last_begin, now + random_.Magnitude(20 * kMicrosecond, kMillisecond));
  Do(file.last_begin, [this, ino, id = extent.id] {
    CachedFile& written = FileOf(ino);
    const auto found =
        std::find_if(written.dirty.begin(), written.dirty.end(), [&](const auto& e) { return e.id == id; });
    assert(found != written.dirty.end());
    Extent& data = *found;
    data.change_before = server_.Get(ino).change;
    const uint64_t end = data.offset + data.bytes.size();
    const Inode& inode = server_.Get(ino);
    int error = server_.Refuses(data.open) ? EIO : 0;
    if (inode.links == 0 && !inode.answers_when_removed) error = ESTALE;
    if (write_fails) error = EIO;
    write_fails = false;
    if (error == 0) error = server_.BeginWrite(ino, end);
    data.change_after = server_.Get(ino).change;
    if (error != 0) {
      Refused(ino, error);
      data.change_before = UINT64_MAX;
      Landed(ino, id);
      return;
    }
    const size_t parts = data.bytes.size() > kKernelPage_bytes && random_.OneIn(3) ? random_.Between(2, 4) : 1;
    std::vector<uint64_t> cuts = {data.offset};
    for (size_t i = 1; i < parts; i++) {
      const uint64_t cut = random_.Between(data.offset, end) / kKernelPage_bytes * kKernelPage_bytes;
      if (cut > data.offset) cuts.push_back(cut);
    }
    cuts.push_back(end);
    std::sort(cuts.begin(), cuts.end());
    const auto left = std::make_shared<size_t>(cuts.size() - 1);
    Time latest = written.last_landing;
    for (size_t i = 0; i + 1 < cuts.size(); i++) {
      const Time quick = random_.OneIn(4) ? kLongestLanding : 200 * kMicrosecond;
      const Time at = std::max(written.last_landing, Scheduler::Get().now() + random_.Magnitude(kMicrosecond, quick));
      latest = std::max(latest, at);
      const Bytes part = Bytes(data.bytes).subspan(cuts[i] - data.offset, cuts[i + 1] - cuts[i]);
      Do(at, [this, ino, id, left, open = data.open, offset = cuts[i],
              copy = std::vector<std::byte>(part.begin(), part.end())] {
        server_.Refuses(open) ? Refused(ino, EIO) : server_.Land(ino, offset, copy);
        if (--*left == 0) Landed(ino, id);
      });
    }
    written.last_landing = latest;
  });
}

// The client drops what it holds of a file that it could not write to.
void Host::Refused(Ino ino, int error) {
  CachedFile& file = FileOf(ino);
  file.error = error;
  file.errors++;
  has_lost_writes = true;
  std::fill(file.valid.begin(), file.valid.end(), uint8_t{0});
}

void Host::Landed(Ino ino, uint32_t extent) {
  CachedFile& file = FileOf(ino);
  const auto found = std::find_if(file.dirty.begin(), file.dirty.end(), [&](const auto& e) { return e.id == extent; });
  // The reply tells the change attribute before and after: what the cache held before it still holds.
  if (file.known && file.attributes.change == found->change_before) file.attributes.change = found->change_after;
  file.attributes.size = std::max(file.attributes.size, found->offset + found->bytes.size());
  file.dirty.erase(found);
  if (--file.writes_under_way != 0) return;
  Scheduler::Get().Wake(&file);
  for (std::function<void()>& action : std::exchange(file.when_written, {})) action();
}

}  // namespace sqlite_efs::sim
