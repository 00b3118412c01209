#ifndef SQLITE_EFS_STORE_SEGMENT_H_
#define SQLITE_EFS_STORE_SEGMENT_H_

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "os/file_system.h"
#include "store/frame_index.h"
#include "store/layout.h"
#include "store/wal_format.h"

namespace sqlite_efs {

// What a segment's attributes say of it. They are one look away on every host, whatever descriptor it has, and nothing
// that comes late undoes them: a second name can only be given once, and no other step changes the mode.
enum class SegmentState {
  kLive,     // one name: its writer may add frames, which count
  kSealed,   // a second name: the successor says, once and for ever, how many frames count
  kMerging,  // executable: its pages are on their way into the base, or there
};
inline constexpr uint64_t kSealedLinks = 2;
SegmentState StateOf(const FileAttributes& attributes);

// The permission bits of a segment: as many may read and write it as the base; of one that is being merged.
uint32_t SegmentMode(uint32_t base_mode);
uint32_t MergingMode(uint32_t base_mode);

// How far a segment's frames are known: up to the end of a commit.
struct SegmentEnd {
  FrameNumber frames;
  WalChecksum checksum;     // the end of the chain
  uint32_t page_count = 0;  // of the database after the last commit; 0 while there is none in this segment
};

// Frames found beyond a SegmentEnd: those of whole commits.
struct NewFrames {
  std::vector<PageNumber> pages;    // in order
  std::vector<FrameNumber> kept;    // of most pages the last frame: snapshots from here on need no other
  std::vector<std::byte> contents;  // the pages of these
  SegmentEnd end;
};

class FrameReader;
struct OpenedSegment;
inline constexpr FrameNumber kNoLimit = {UINT32_MAX};

// One open log segment: its file, its header, and what this process has verified of its frames.
// The reading functions are thread-safe; index and end are guarded by the Log that owns the segment.
class Segment {
 public:
  // Opens and checks the header. kCorrupt for a damaged one or another page size than the base's; kStale for what
  // stands in a segment's place where the log has ended.
  static Result<std::shared_ptr<Segment>> Open(FileSystem& files, const Layout& layout, SegmentNumber number,
                                               uint32_t page_size);
  // The same, with one reading of the header and of what follows it.
  static Result<OpenedSegment> OpenAndRead(FileSystem& files, const Layout& layout, SegmentNumber number,
                                           uint32_t page_size);

  SegmentNumber number() const { return number_; }
  const WalHeader& header() const { return header_; }
  const std::string& path() const { return reader_->path(); }
  uint64_t frame_size() const { return kFrameHeaderSize + header_.page_size; }

  // One round trip; kStale if the segment was removed.
  Result<FileAttributes> Look() const;
  // The same after the times were set to the server's present, in one round trip. For the segment's writer.
  Result<FileAttributes> TouchAndLook(FileSystem& files);
  Status ChangeMode(uint32_t mode) { return reader_->ChangeMode(mode); }
  // Makes durable what any process of this host has written to the segment.
  Status Sync() { return reader_->Sync(); }

  // Reads and verifies what whole commits follow `from`, in a file of `file_size` bytes; up to frame `limit`, which, if
  // it is given, is there.
  // Frames of an unfinished commit are not an error, nor are those that a writer adds meanwhile; damage that a later
  // commit proves is kCorrupt.
  // `read`: bytes of the file from the first frame on that were read already.
  Result<NewFrames> Scan(const SegmentEnd& from, uint64_t file_size, FrameNumber limit = kNoLimit,
                         Bytes read = {}) const;

  // Reads whole frames, which must be there, from `first` on.
  Status ReadFrames(FrameNumber first, MutableBytes frames) const;

  // Reads the page of a frame. kStale if the segment was removed.
  Status ReadPage(FrameNumber frame, MutableBytes page) const;

  // A write-only descriptor, opened once. Only the segment's writer asks for it, one thread at a time.
  Result<File*> Writer(FileSystem& files);

  FrameIndex index;  // guarded by the Log
  SegmentEnd end;    // guarded by the Log

 private:
  Segment(SegmentNumber number, std::unique_ptr<File> reader) : number_(number), reader_(std::move(reader)) {}
  Result<FileAttributes> Unremoved(Result<FileAttributes> looked) const;
  Status EndsBefore(FrameNumber frame) const;
  Status ReadHeader(const Layout& layout, uint32_t page_size, Bytes header);
  Status CheckDamageAfter(const SegmentEnd& at, Bytes bad, FrameReader& reader) const;

  SegmentNumber number_;
  std::unique_ptr<File> reader_;
  std::unique_ptr<File> writer_;
  WalHeader header_;
};

struct OpenedSegment {
  std::shared_ptr<Segment> segment;
  FileAttributes attributes;      // as of the opening
  std::vector<std::byte> frames;  // what was read behind the header
};

// Whether the segment's file has, by now, a whole frame that continues the chain `before`.
Result<bool> HasFrame(File& file, const WalHeader& header, FrameNumber frame, WalChecksum before);

// The record of how many frames of a merged segment counted, so that a writer that was stopped in a commit can be told
// the truth however late it asks. Writing it again changes nothing. kCantOpen if there is none.
Status WriteCounted(FileSystem& files, const Layout& layout, const Segment& segment, FrameNumber counted);
Result<FrameNumber> ReadCounted(FileSystem& files, const Layout& layout, const Segment& segment);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_SEGMENT_H_
