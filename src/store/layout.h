#ifndef SQLITE_EFS_STORE_LAYOUT_H_
#define SQLITE_EFS_STORE_LAYOUT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "os/file_system.h"

namespace sqlite_efs {

// Where the parts of a live database lie:
//     db.sqlite3                 the base
//     db.sqlite3-wal/            a directory where stock SQLite expects a file, so that it is refused
//         id                     the database's identity, a UUID
//         lease                  the embedded lease's record
//         0000000004 ...         the log's segments
//         0000000004.sealed      a second name of a segment: nobody may add to it
//         copying                the name of the last copying of segments into the base that was begun
//         0000000004.copied.ID   the segments up to this one are in the base, durable, by the copying of that name
//         0000000003.merged      the newest segment that was merged and removed
//         counted                how many frames of each merged segment counted
//         0000000005.claim       who may write to a segment that a helper made
//         tmp.*                  what is not ready yet
class Layout {
 public:
  explicit Layout(const std::string& base) : Layout(base, base + "-wal") {}
  Layout(std::string base, std::string directory) : base_(std::move(base)), directory_(std::move(directory)) {}

  const std::string& base() const { return base_; }
  const std::string& directory() const { return directory_; }
  std::string id() const { return directory_ + "/id"; }
  std::string lease() const { return directory_ + "/lease"; }
  std::string segment(SegmentNumber number) const;
  std::string sealed(SegmentNumber number) const { return segment(number) + ".sealed"; }
  std::string copied(SegmentNumber number, const std::string& copying_id) const {
    return segment(number) + ".copied." + copying_id;
  }
  std::string copying() const { return directory_ + "/copying"; }
  std::string merged(SegmentNumber number) const { return segment(number) + ".merged"; }
  std::string claim(SegmentNumber number) const { return segment(number) + ".claim"; }
  std::string counted() const { return directory_ + "/counted"; }
  std::string journal() const { return base_ + "-journal"; }
  // A new name in the directory for a file that is not ready yet.
  std::string temporary() const;

 private:
  std::string base_;
  std::string directory_;
};

// The segment that a name in the directory stands for, if it is a segment's.
std::optional<SegmentNumber> ParseSegmentName(std::string_view name);

// Whether the newest of the names in the log directory marks the end of the log: the database was detached.
Result<bool> HasEnded(FileSystem& files, const Layout& layout, const std::vector<std::string>& names);

// What a name that Layout::copied() makes says.
struct CopiedName {
  SegmentNumber through;
  std::string copying_id;
};
std::optional<CopiedName> ParseCopiedName(std::string_view name);

// Whether the name is one that Layout::temporary() makes.
bool IsTemporary(std::string_view name);

// Whether `base` has a log directory beside it, that is, whether it is live. A missing name may be remembered for half
// a minute after another host has made it: then the file server is asked, which costs a round trip or two.
bool IsLive(FileSystem& files, const std::string& base);

// Makes the names beside `base` be looked up at the file server again: an NFS client may go on for up to a minute with
// what a name has stood for.
Status LookUpAnew(FileSystem& files, const std::string& base);

// What a fresh listing of the log directory shows.
struct LogListing {
  std::vector<SegmentNumber> segments;  // that hold what the base does not: ascending, without a gap, at least one
  SegmentNumber merged;                 // the newest one that was merged and removed; 0: none
  std::vector<std::string> names;       // all that was listed

  bool Has(SegmentNumber number) const;
  bool HasName(const std::string& name) const;
};

// kCantOpen if a segment is missing; kStale if the log has ended and is being removed. A listing is not atomic: one
// that contradicts itself is repeated.
Result<LogListing> ListLog(FileSystem& files, const Layout& layout);
// The same; may be as old as the NFS caches.
Result<LogListing> ListKnownLog(FileSystem& files, const Layout& layout);

// The folder that a path lies in, with a slash at its end.
std::string FolderOf(const std::string& path);
std::string FileNameOf(const std::string& path);

// The database's identity.
Result<std::string> ReadDatabaseId(FileSystem& files, const Layout& layout);

// Reads a small file from its beginning, at most `limit` bytes.
Result<std::string> ReadSmallFile(FileSystem& files, const std::string& path, size_t limit);

// Makes a new file of that content, durable.
Status WriteNewFile(FileSystem& files, const std::string& path, std::string_view content, uint32_t permissions);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_LAYOUT_H_
