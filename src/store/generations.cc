#include "store/generations.h"

#include "base/uuid.h"
#include "store/base_file.h"

namespace sqlite_efs {
namespace {

constexpr uint64_t kFirstSize_bytes = uint64_t{1} << 20;
constexpr uint32_t kOwnedBit = 1;  // of salt1

// A file that is removed unless it was linked to its place; the link is what lasts.
class TemporaryName {
 public:
  TemporaryName(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  ~TemporaryName() { (void)files_.Remove(path_); }
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  const std::string& path() const { return path_; }

 private:
  FileSystem& files_;
  std::string path_;
};

WalHeader NewHeader(uint32_t page_size, FrameNumber counted, Ownership ownership) {
  WalHeader header = {page_size, counted, RandomBits(), RandomBits()};
  header.salt1 = ownership == Ownership::kWriter ? header.salt1 | kOwnedBit : header.salt1 & ~kOwnedBit;
  return header;
}

Status WriteHeader(File& file, const WalHeader& header) {
  WalChecksum checksum;
  EFS_RETURN_IF_ERROR(file.WriteAt(0, EncodeWalHeader(header, &checksum)));
  return file.Sync();
}

Result<std::unique_ptr<File>> NewSegmentFile(FileSystem& files, const std::string& path, const WalHeader& header,
                                             uint32_t mode) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(path, OpenMode::kCreateNew, mode));
  EFS_RETURN_IF_ERROR(file->ChangeMode(mode));
  EFS_RETURN_IF_ERROR(file->Truncate(kFirstSize_bytes));
  EFS_RETURN_IF_ERROR(WriteHeader(*file, header));
  return file;
}

// A segment that is being merged and has no successor is the last one of a database that is being detached. While that
// goes on, its log must not grow. If it was broken off, the lock is free, and the database goes on.
Result<std::unique_ptr<File>> LockAgainstDetach(FileSystem& files, const Layout& layout, const Segment& segment) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> base, files.Open(layout.base(), OpenMode::kReadWrite));
  EFS_ASSIGN_OR_RETURN(const bool locked, base->TryLock(kSqliteLockOffset, kSqliteLockLength));
  if (!locked) return Status::Busy(layout.base() + " is being detached; open it anew when that has ended");
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, segment.Look());  // kStale if it has ended
  (void)attributes;
  return base;
}

}  // namespace

bool HasOwner(const WalHeader& header) { return (header.salt1 & kOwnedBit) != 0; }

Result<WalHeader> WriteNewSegment(FileSystem& files, const std::string& path, uint32_t page_size,
                                  FrameNumber counted_of_previous, Ownership ownership, uint32_t mode) {
  const WalHeader header = NewHeader(page_size, counted_of_previous, ownership);
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, NewSegmentFile(files, path, header, mode));
  return header;
}

Result<bool> Seal(FileSystem& files, const Layout& layout, Segment& segment, const SegmentEnd& known,
                  Ownership ownership) {
  EFS_ASSIGN_OR_RETURN(const FileAttributes before, segment.Look());
  std::unique_ptr<File> lock;
  if (StateOf(before) == SegmentState::kMerging) {
    EFS_ASSIGN_OR_RETURN(lock, LockAgainstDetach(files, layout, segment));
  }
  EFS_ASSIGN_OR_RETURN(const FileAttributes base, files.Stat(layout.base()));
  // The successor's space is found before the mark: a full disk must not leave a sealed segment without a successor.
  const TemporaryName temporary(files, layout.temporary());
  WalHeader header = NewHeader(segment.header().page_size, {0}, ownership);
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                       NewSegmentFile(files, temporary.path(), header, ModeFor(SegmentState::kLive, base.mode)));
  if (StateOf(before) == SegmentState::kLive) {
    EFS_RETURN_IF_ERROR(segment.ChangeMode(ModeFor(SegmentState::kSealed, base.mode)));
  }
  // Only now, and from the server: what a writer adds after the mark it will not acknowledge.
  EFS_ASSIGN_OR_RETURN(const FileAttributes marked, segment.Look());
  EFS_ASSIGN_OR_RETURN(const NewFrames found, segment.ScanPatiently(known, marked.size));
  // What is counted must last, even if its writer died before it made it durable.
  EFS_RETURN_IF_ERROR(segment.Sync());
  header.counted_of_previous = found.end.frames;
  EFS_RETURN_IF_ERROR(WriteHeader(*file, header));
  const Status linked = files.Link(temporary.path(), layout.segment({segment.number().value + 1}));
  if (linked.Is(StatusCode::kExists)) return false;
  EFS_RETURN_IF_ERROR(linked);
  EFS_RETURN_IF_ERROR(files.SyncDirectory(layout.directory()));
  return true;
}

Result<bool> Claim(FileSystem& files, const Layout& layout, SegmentNumber number) {
  const Result<std::unique_ptr<File>> created = files.Open(layout.claim(number), OpenMode::kCreateNew);
  if (created.ok()) return true;
  if (created.status().Is(StatusCode::kExists)) return false;
  return created.status();
}

}  // namespace sqlite_efs
