#ifndef SQLITE_EFS_SIM_HOST_H_
#define SQLITE_EFS_SIM_HOST_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/file_server.h"
#include "sim/random.h"
#include "sim/scheduler.h"

namespace sqlite_efs::sim {

inline constexpr size_t kKernelPage_bytes = 4096;

// What a host believes of a file's attributes.
struct CachedAttributes {
  bool is_directory = false;
  uint8_t owner = 0;
  uint32_t mode = 0;
  uint32_t links = 0;
  uint64_t size = 0;
  Time mtime = 0;
  uint64_t change = 0;
};

// Bytes that a process has written and that are not on the server yet.
struct Extent {
  uint64_t offset = 0;
  std::vector<std::byte> bytes;
  OpenId open = 0;
  uint32_t id = 0;
  bool sent = false;
  uint64_t change_before = 0;  // the file's, at the server, when the write began there
  uint64_t change_after = 0;   // and what the write made of it
};

// What a host keeps of one file: the NFS client's attribute cache and page cache.
struct CachedFile {
  bool known = false;
  CachedAttributes attributes;
  Time expires = 0;  // of the attributes
  std::vector<std::byte> data;
  std::vector<uint8_t> valid;  // by page
  std::vector<Extent> dirty;
  uint32_t next_extent = 1;
  uint32_t writes_under_way = 0;
  std::vector<std::function<void()>> when_written;  // once, when none is
  Time last_begin = 0;
  Time last_landing = 0;
  int error = 0;        // of the last write in the background that failed
  uint32_t errors = 0;  // how many have; each descriptor is told once
  uint32_t opens = 0;
  uint32_t writers = 0;   // of them
  bool doubtful = false;  // it was changed elsewhere while there was a writer
};

// A file that was removed while it was open here, under the name that it has until it is closed.
struct HiddenFile {
  Ino ino = 0;
  Ino directory = 0;
  std::string name;
};

// A machine: what all its processes share. A local one is the file server itself and has no caches of its own.
class Host {
 public:
  Host(FileServer& server, int number, bool local, uint64_t seed)
      : server_(server), number_(number), local_(local), random_(seed), wall_ms_(kEpoch_ms) {}

  int number() const { return number_; }
  bool local() const { return local_; }

  // --- state: the faults decide
  bool dead = false;
  bool write_fails = false;      // the next write in the background
  bool has_lost_writes = false;  // one has failed
  std::vector<HiddenFile> hidden;
  void Freeze(bool clock_stands);
  void Thaw();
  void Cut();
  void Heal();
  void Die();
  bool is_cut() const { return cut_ > 0; }
  int frozen() const { return frozen_; }  // how many reasons there are for it to stand still
  // Runs `action` in this host's kernel: later if it is frozen or cut off then, never or on its own if it dies.
  void Do(Time at, std::function<void()> action);
  bool LeaseIsOver(Time lease) const;

  // --- directories: as this host listed them last
  std::map<Ino, std::vector<std::string>> listings;

  // --- clocks
  Time Monotonic() const;
  Time ToWorld(Time duration) const;  // how long that takes by the world's time
  int64_t Wall_ms() const;
  void JumpWall(int64_t by_ms) { wall_ms_ += by_ms; }
  void Drift(int32_t parts_per_thousand);

  // --- names: at the server, unless the cache knows. 0: there is none.
  Ino LookUp(Ino directory, std::string_view name);
  void Remember(Ino directory, std::string_view name, Ino ino);
  void Forget(Ino directory, std::string_view name);
  void ForgetNames(Ino directory);

  // --- files
  // What the cache holds, if it need not be asked for again yet.
  const CachedAttributes* Attributes(Ino ino);
  // Asks the server; what has changed is dropped from the page cache.
  const CachedAttributes& Revalidate(Ino ino);
  // Whether the whole range can be read without the server.
  bool HasPages(Ino ino, uint64_t offset, size_t size);
  // Reads, from the server what is not in the cache.
  size_t Read(Ino ino, uint64_t offset, MutableBytes out);
  // Forgets what is cached of the file.
  void DropPages(Ino ino);
  void Opened(Ino ino, bool writable);
  void Closed(Ino ino, bool writable);
  // The attributes changed by this host's own doing.
  void Changed(Ino ino);
  void Write(Ino ino, OpenId open, uint64_t offset, Bytes data);
  // Begins to bring what was written to the server; ends when writes_under_way is 0, which Wake(&file) tells.
  void Flush(Ino ino);
  CachedFile& FileOf(Ino ino);
  // Does that when all that this host has written to the file is on the server, as the kernel does before it closes a
  // descriptor and gives its locks back, also that of a process that was killed.
  void WhenWritten(Ino ino, std::function<void()> action);

 private:
  static constexpr int64_t kEpoch_ms = 1'700'000'000'000;

  struct Name {
    Ino directory;
    std::string name;
    Ino ino;  // 0: known to be missing
    Time expires;
  };

  Name* FindName(Ino directory, std::string_view name);
  uint64_t SizeOf(const CachedFile& file) const;
  void FillPage(Ino ino, CachedFile& file, size_t page);
  void Overlay(const Extent& extent, CachedFile& file, size_t page) const;
  void Send(Ino ino, Extent& extent);
  void Refused(Ino ino, int error);
  void Landed(Ino ino, uint32_t extent);
  void RunDeferred();
  void Silence();
  void Rebase();

  FileServer& server_;
  const int number_;
  const bool local_;
  Random random_;
  int frozen_ = 0;
  int cut_ = 0;
  Time silent_since_ = kForever;
  std::vector<std::function<void()>> deferred_;

  bool clock_stands_ = false;
  Time monotonic_ = kSecond;  // at rebased_
  Time rebased_ = 0;
  int32_t drift_ = 0;  // parts per thousand
  int64_t wall_ms_;

  std::vector<Name> names_;
  std::vector<std::unique_ptr<CachedFile>> files_;  // by Ino
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_HOST_H_
