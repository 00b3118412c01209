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
//         0000000001 ...         the log's segments
//         0000000002.claim       who may write to a segment that a helper made
class Layout {
 public:
  explicit Layout(const std::string& base) : Layout(base, base + "-wal") {}
  Layout(std::string base, std::string directory) : base_(std::move(base)), directory_(std::move(directory)) {}

  const std::string& base() const { return base_; }
  const std::string& directory() const { return directory_; }
  std::string id() const { return directory_ + "/id"; }
  std::string lease() const { return directory_ + "/lease"; }
  std::string segment(SegmentNumber number) const;
  std::string claim(SegmentNumber number) const { return segment(number) + ".claim"; }
  std::string journal() const { return base_ + "-journal"; }
  // A new name in the directory for a file that is not ready yet.
  std::string temporary() const;

 private:
  std::string base_;
  std::string directory_;
};

// The segment that a name in the directory stands for, if it is a segment's.
std::optional<SegmentNumber> ParseSegmentName(std::string_view name);

// Whether `base` has a log directory beside it, that is, whether it is live. May be as old as the NFS name cache.
bool IsLive(FileSystem& files, const std::string& base);

// The segments there are, by a fresh listing, lowest first: from 1 on without a gap, and at least one.
Result<std::vector<SegmentNumber>> ListSegments(FileSystem& files, const Layout& layout);

// The database's identity.
Result<std::string> ReadDatabaseId(FileSystem& files, const Layout& layout);

// Reads a small file from its beginning, at most `limit` bytes.
Result<std::string> ReadSmallFile(FileSystem& files, const std::string& path, size_t limit);

// Makes a new file of that content, durable.
Status WriteNewFile(FileSystem& files, const std::string& path, std::string_view content, uint32_t permissions);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_LAYOUT_H_
