#include "store/generations.h"

#include "base/uuid.h"

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

WalHeader NewHeader(uint32_t page_size, FrameNumber counted, Successor kind) {
  WalHeader header = {page_size, counted, RandomBits(), RandomBits()};
  header.salt1 = kind == Successor::kWriters ? header.salt1 | kOwnedBit : header.salt1 & ~kOwnedBit;
  return header;
}

Status WriteHeader(File& file, const WalHeader& header) {
  WalChecksum checksum;
  EFS_RETURN_IF_ERROR(file.WriteAt(0, EncodeWalHeader(header, &checksum)));
  return file.Sync();
}

Result<std::unique_ptr<File>> NewFileWithMode(FileSystem& files, const std::string& path, uint32_t mode) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(path, OpenMode::kCreateNew, mode));
  EFS_RETURN_IF_ERROR(file->ChangeMode(mode));
  return file;
}

Result<std::unique_ptr<File>> NewSegmentFile(FileSystem& files, const std::string& path, const WalHeader& header,
                                             uint32_t mode) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, NewFileWithMode(files, path, mode));
  EFS_RETURN_IF_ERROR(file->Truncate(kFirstSize_bytes));
  EFS_RETURN_IF_ERROR(WriteHeader(*file, header));
  return file;
}

// One run of Seal().
class Sealing {
 public:
  Sealing(FileSystem& files, const Layout& layout, Segment& segment, const SegmentEnd& known, Successor kind)
      : files_(files),
        layout_(layout),
        segment_(segment),
        known_(known),
        kind_(kind),
        temporary_(files, layout.temporary()),
        header_(NewHeader(segment.header().page_size, {0}, kind)) {}

  Result<bool> Run() {
    EFS_ASSIGN_OR_RETURN(const FileAttributes before, segment_.Look());
    if (StateOf(before) == SegmentState::kMerging) {
      // It has a successor, perhaps one that was merged and removed as well, unless somebody has changed modes by hand.
      EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files_, layout_));
      if (listing.segments.back() > segment_.number()) return false;
    }
    EFS_ASSIGN_OR_RETURN(const FileAttributes base, files_.Stat(layout_.base()));
    // The successor's space is found before the mark: a full disk must not leave a sealed segment without a successor.
    EFS_RETURN_IF_ERROR(MakeTemporary(SegmentMode(base.mode)));
    EFS_RETURN_IF_ERROR(Mark());
    EFS_RETURN_IF_ERROR(Decide());
    const Status linked = files_.Link(temporary_.path(), layout_.segment(Next()));
    if (linked.Is(StatusCode::kExists)) return false;
    EFS_RETURN_IF_ERROR(linked);
    EFS_RETURN_IF_ERROR(CheckStillLast());
    EFS_RETURN_IF_ERROR(files_.SyncDirectory(layout_.directory()));
    return true;
  }

 private:
  SegmentNumber Next() const { return {segment_.number().value + 1}; }

  Status MakeTemporary(uint32_t mode) {
    if (kind_ == Successor::kEndOfLog) {
      return WriteNewFile(files_, temporary_.path(), kEndOfLog, mode);
    }
    EFS_ASSIGN_OR_RETURN(file_, NewSegmentFile(files_, temporary_.path(), header_, mode));
    return {};
  }

  // Gives the segment a second name, whatever the look has shown: a new segment has one for a moment too, the temporary
  // name that it was linked from.
  Status Mark() {
    const std::string name = layout_.sealed(segment_.number());
    const Status named = files_.Link(segment_.path(), name);
    if (!named.Is(StatusCode::kExists)) return StaleIfGone(named);
    EFS_ASSIGN_OR_RETURN(const FileAttributes marked, segment_.Look());
    const Result<FileAttributes> second = files_.Stat(name);
    if (!second.ok()) return StaleIfGone(second.status());
    if (second->inode == marked.inode) return {};
    // In a tree that was copied without its links the name is that of another file.
    return StaleIfGone(files_.Link(segment_.path(), name + "." + NewUuid()));
  }

  // Only after the mark: what a writer adds after the mark it will not acknowledge.
  Status Decide() {
    EFS_ASSIGN_OR_RETURN(const FileAttributes marked, segment_.Look());
    assert(StateOf(marked) != SegmentState::kLive);
    EFS_ASSIGN_OR_RETURN(const NewFrames found, segment_.Scan(known_, marked.size));
    // What is counted must last, even if its writer died before it made it durable.
    EFS_RETURN_IF_ERROR(segment_.Sync());
    if (kind_ == Successor::kEndOfLog) {
      return found.end.frames.value == 0 ? Status() : Status::Busy(layout_.base() + " was written to meanwhile");
    }
    header_.counted_of_previous = found.end.frames;
    return WriteHeader(*file_, header_);
  }

  // A successor's name is free again once the successor was merged and removed. Who links it then is too late.
  Status CheckStillLast() {
    EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files_, layout_));
    bool late = listing.merged >= Next();
    if (!late && listing.segments.back() > Next()) {  // also while a log that has ended is being removed
      EFS_ASSIGN_OR_RETURN(late, HasEnded(files_, layout_, listing.names));
    }
    if (!late) return {};
    (void)files_.Remove(layout_.segment(Next()));
    return MergedMeanwhile();
  }

  Status MergedMeanwhile() const {
    return {StatusCode::kStale, "log segment " + segment_.path() + " was merged meanwhile"};
  }

  // A segment loses its names when it is merged.
  Status StaleIfGone(const Status& status) const {
    return status.Is(StatusCode::kNotFound) ? MergedMeanwhile() : status;
  }

  FileSystem& files_;
  const Layout& layout_;
  Segment& segment_;
  const SegmentEnd known_;
  const Successor kind_;
  const TemporaryName temporary_;
  WalHeader header_;
  std::unique_ptr<File> file_;  // null for the end of the log
};

}  // namespace

bool HasOwner(const WalHeader& header) { return (header.salt1 & kOwnedBit) != 0; }

Result<WalHeader> WriteNewSegment(FileSystem& files, const std::string& path, uint32_t page_size,
                                  FrameNumber counted_of_previous, Successor kind, uint32_t mode) {
  const WalHeader header = NewHeader(page_size, counted_of_previous, kind);
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, NewSegmentFile(files, path, header, mode));
  return header;
}

Result<bool> Seal(FileSystem& files, const Layout& layout, Segment& segment, const SegmentEnd& known,
                  Successor successor) {
  return Sealing(files, layout, segment, known, successor).Run();
}

Result<bool> Claim(FileSystem& files, const Layout& layout, SegmentNumber number) {
  const Result<std::unique_ptr<File>> created = files.Open(layout.claim(number), OpenMode::kCreateNew);
  if (created.ok()) return true;
  if (created.status().Is(StatusCode::kExists)) return false;
  return created.status();
}

}  // namespace sqlite_efs
