#include "store/segment.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <utility>

namespace sqlite_efs {
namespace {

constexpr uint32_t kOwnerWrite = 0200;
constexpr uint32_t kAnyWrite = 0222;
constexpr uint32_t kAnyExecute = 0111;
constexpr uint32_t kAnyReadWrite = 0666;
constexpr size_t kCountedSize = 8;  // a record of frames and salt-1

uint64_t CountedOffset(SegmentNumber number) { return (number.value - 1) * kCountedSize; }

// Most commits are shorter, and on NFS a smaller read takes as long.
constexpr size_t kFirstRead_bytes = size_t{32} << 10;
// A fresh process reads a whole log; of most it is all.
constexpr size_t kOpeningRead_bytes = size_t{128} << 10;
constexpr size_t kKeptContents_bytes = size_t{4} << 20;
constexpr size_t kLargestRead_bytes = size_t{1} << 20;

}  // namespace

// Reads a run of frames in growing pieces: most looks find one short commit, a fresh process reads a whole log.
class FrameReader {
 public:
  // The frames after `from` that a file of `file_size` bytes has, or those up to `limit`, where it is known how many
  // there are. `read`: the beginning, if it was read already.
  FrameReader(File& file, uint32_t page_size, FrameNumber from, uint64_t file_size, FrameNumber limit, Bytes read)
      : file_(file),
        frame_size_(kFrameHeaderSize + page_size),
        offset_(FrameOffset({from.value + 1}, page_size)),
        end_(limit == kNoLimit ? file_size : std::min(file_size, FrameOffset({limit.value + 1}, page_size))),
        buffer_(read.begin(), read.end()),
        next_read_bytes_(limit == kNoLimit ? kFirstRead_bytes : kLargestRead_bytes) {
    if (!read.empty()) Filled(read.size());
  }

  // The next whole frame; empty at the end of the file. Valid until the next call.
  Result<Bytes> Next() {
    if (position_ == filled_) EFS_RETURN_IF_ERROR(Fill());
    if (position_ == filled_) return Bytes();
    const Bytes frame = Bytes(buffer_).subspan(position_, frame_size_);
    position_ += frame_size_;
    return frame;
  }

 private:
  Status Fill() {
    const uint64_t left_frames = end_ > offset_ ? (end_ - offset_) / frame_size_ : 0;
    const size_t frames = std::min<uint64_t>(std::max<size_t>(1, next_read_bytes_ / frame_size_), left_frames);
    buffer_.resize(frames * frame_size_);
    EFS_ASSIGN_OR_RETURN(const size_t size, file_.ReadAt(offset_, buffer_));
    Filled(size);
    return {};
  }

  void Filled(size_t size) {
    position_ = 0;
    filled_ = size / frame_size_ * frame_size_;
    offset_ += filled_;
    next_read_bytes_ = std::min(std::max(next_read_bytes_, filled_) * 4, kLargestRead_bytes);
  }

  File& file_;
  const size_t frame_size_;
  uint64_t offset_;
  const uint64_t end_;
  std::vector<std::byte> buffer_;
  size_t position_ = 0;
  size_t filled_ = 0;
  size_t next_read_bytes_;
};

// Collects what a scan keeps of page contents. Of a log that has the same pages again and again that is little, so a
// fresh process need not find memory for all of it.
class NewestPages {
 public:
  void Keep(PageNumber page, FrameNumber frame, Bytes content) {
    const auto known = places_.find(page.value);
    if (known != places_.end()) {
      frames_[known->second] = frame;
      std::ranges::copy(content, contents_.begin() + static_cast<ptrdiff_t>(known->second * content.size()));
    } else if (contents_.size() < kKeptContents_bytes) {
      places_.emplace(page.value, frames_.size());
      frames_.push_back(frame);
      contents_.insert(contents_.end(), content.begin(), content.end());
    }
  }

  // Moves to `found` what belongs to its commits: those that are whole.
  void MoveTo(NewFrames* found, size_t page_size) {
    size_t whole = 0;
    for (size_t i = 0; i < frames_.size(); i++) {
      if (frames_[i] > found->end.frames) continue;
      if (i != whole) std::memcpy(&contents_[whole * page_size], &contents_[i * page_size], page_size);
      frames_[whole++] = frames_[i];
    }
    frames_.resize(whole);
    contents_.resize(whole * page_size);
    found->kept = std::move(frames_);
    found->contents = std::move(contents_);
  }

 private:
  std::unordered_map<uint32_t, size_t> places_;  // by page
  std::vector<FrameNumber> frames_;
  std::vector<std::byte> contents_;
};

SegmentState StateOf(const FileAttributes& attributes) {
  if ((attributes.mode & kAnyExecute) != 0) return SegmentState::kMerging;
  return attributes.links >= kSealedLinks ? SegmentState::kSealed : SegmentState::kLive;
}

uint32_t SegmentMode(uint32_t base_mode) { return (base_mode & kAnyReadWrite) | kOwnerWrite; }

uint32_t MergingMode(uint32_t base_mode) { return (SegmentMode(base_mode) & ~kAnyWrite) | kAnyExecute; }

Result<std::shared_ptr<Segment>> Segment::Open(FileSystem& files, const Layout& layout, SegmentNumber number,
                                               uint32_t page_size) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> reader, files.Open(layout.segment(number), OpenMode::kReadFresh));
  std::shared_ptr<Segment> segment(new Segment(number, std::move(reader)));
  std::array<std::byte, kWalHeaderSize> bytes;
  EFS_ASSIGN_OR_RETURN(const size_t size, segment->reader_->ReadAt(0, bytes));
  EFS_RETURN_IF_ERROR(segment->ReadHeader(layout, page_size, Bytes(bytes).first(size)));
  return segment;
}

Result<OpenedSegment> Segment::OpenAndRead(FileSystem& files, const Layout& layout, SegmentNumber number,
                                           uint32_t page_size) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> reader, files.Open(layout.segment(number), OpenMode::kReadFresh));
  OpenedSegment opened = {std::shared_ptr<Segment>(new Segment(number, std::move(reader))), {}, {}};
  EFS_ASSIGN_OR_RETURN(opened.attributes, opened.segment->Unremoved(opened.segment->reader_->Opened()));
  opened.frames.resize(std::min<uint64_t>(opened.attributes.size, kOpeningRead_bytes));
  EFS_ASSIGN_OR_RETURN(const size_t size, opened.segment->reader_->ReadAt(0, opened.frames));
  opened.frames.resize(size);
  const size_t header_size = std::min(size, kWalHeaderSize);
  EFS_RETURN_IF_ERROR(opened.segment->ReadHeader(layout, page_size, Bytes(opened.frames).first(header_size)));
  opened.frames.erase(opened.frames.begin(), opened.frames.begin() + static_cast<ptrdiff_t>(header_size));
  return opened;
}

Status Segment::ReadHeader(const Layout& layout, uint32_t page_size, Bytes bytes) {
  if (IsEndOfLog(bytes)) {
    return {StatusCode::kStale, layout.base() + " was detached: it is an ordinary database now; open it anew"};
  }
  const auto header = DecodeWalHeader(bytes, &end.checksum);
  if (!header) {
    return Status::Corrupt("the header of log segment " + path() + " is damaged; restore it from a backup");
  }
  if (header->page_size != page_size) {
    return Status::Corrupt("log segment " + path() + " has pages of " + std::to_string(header->page_size) +
                           " bytes, but " + layout.base() + " of " + std::to_string(page_size) +
                           ": they do not belong together; restore both from one backup");
  }
  header_ = *header;
  return {};
}

Result<FileAttributes> Segment::Look() const { return Unremoved(reader_->Look()); }

Result<FileAttributes> Segment::TouchAndLook(FileSystem& files) {
  EFS_ASSIGN_OR_RETURN(File* const writer, Writer(files));
  return Unremoved(writer->TouchAndLook());
}

Result<FileAttributes> Segment::Unremoved(Result<FileAttributes> looked) const {
  if (looked.ok() && looked->links == 0) return Status(StatusCode::kStale, "log segment " + path() + " was removed");
  return looked;
}

Result<NewFrames> Segment::Scan(const SegmentEnd& from, uint64_t file_size, FrameNumber limit, Bytes read) const {
  assert(read.empty() || from.frames.value == 0);
  FrameReader reader(*reader_, header_.page_size, from.frames, file_size, limit, read);
  NewFrames found;
  NewestPages newest;
  found.end = from;
  SegmentEnd at = from;
  while (at.frames < limit) {
    EFS_ASSIGN_OR_RETURN(const Bytes frame, reader.Next());
    if (frame.empty()) break;
    const auto header = DecodeFrame(header_, frame, &at.checksum);
    if (!header) {
      const bool first_scan = from.frames.value == 0;
      if (first_scan || HasSalts(header_, frame)) EFS_RETURN_IF_ERROR(CheckDamageAfter(at, frame, reader));
      break;
    }
    found.pages.push_back(header->page);
    at.frames.value++;
    newest.Keep(header->page, at.frames, frame.subspan(kFrameHeaderSize));
    at.page_count = header->page_count;
    if (header->page_count != 0) found.end = at;
  }
  found.pages.resize(found.end.frames.value - from.frames.value);
  newest.MoveTo(&found, header_.page_size);
  return found;
}

// The frame after `at`, `bad`, does not continue the chain. That is normal for a commit that was never finished, over
// what a rolled-back transaction had spilled; but its writer would have been the segment's last. A whole commit after
// the end of another one shows that the frame is damaged.
Status Segment::CheckDamageAfter(const SegmentEnd& at, Bytes bad, FrameReader& reader) const {
  Bytes frame = bad;
  bool commit_passed = false;
  bool first = true;  // it may be damaged beyond recognition
  while (!frame.empty() && (first || HasSalts(header_, frame))) {
    first = false;
    commit_passed = commit_passed || (HasSalts(header_, frame) && ReadBigEndian32(frame.data() + 4) != 0);
    WalChecksum chain = StatedChecksum(frame);
    EFS_ASSIGN_OR_RETURN(frame, reader.Next());
    const auto next = frame.empty() ? std::nullopt : DecodeFrame(header_, frame, &chain);
    if (!commit_passed || !next || next->page_count == 0) continue;
    // Read again, after what follows it: it may have been on its way before.
    EFS_ASSIGN_OR_RETURN(const bool intact, HasFrame(*reader_, header_, {at.frames.value + 1}, at.checksum));
    if (intact) return {};
    return Status::Corrupt("frame " + std::to_string(at.frames.value + 1) + " of log segment " + path() +
                           " is damaged, and commits follow it; restore the database from a backup, or keep a copy and "
                           "recover what precedes the frame with stock sqlite3");
  }
  return {};
}

Status Segment::ReadFrames(FrameNumber first, MutableBytes frames) const {
  EFS_ASSIGN_OR_RETURN(const size_t size, reader_->ReadAt(FrameOffset(first, header_.page_size), frames));
  return size == frames.size() ? Status() : EndsBefore(first);
}

Status Segment::ReadPage(FrameNumber frame, MutableBytes page) const {
  EFS_ASSIGN_OR_RETURN(const size_t size,
                       reader_->ReadAt(FrameOffset(frame, header_.page_size) + kFrameHeaderSize, page));
  return size == page.size() ? Status() : EndsBefore(frame);
}

Status Segment::EndsBefore(FrameNumber frame) const {
  return Status::Corrupt("log segment " + path() + " ends before frame " + std::to_string(frame.value) +
                         ", which was there; restore the database from a backup");
}

Result<File*> Segment::Writer(FileSystem& files) {
  if (!writer_) {
    EFS_ASSIGN_OR_RETURN(writer_, files.Open(path(), OpenMode::kWrite));
  }
  return writer_.get();
}

Result<bool> HasFrame(File& file, const WalHeader& header, FrameNumber frame, WalChecksum before) {
  std::vector<std::byte> content(kFrameHeaderSize + header.page_size);
  EFS_ASSIGN_OR_RETURN(const size_t size, file.ReadAt(FrameOffset(frame, header.page_size), content));
  return size == content.size() && DecodeFrame(header, content, &before).has_value();
}

Status WriteCounted(FileSystem& files, const Layout& layout, const Segment& segment, FrameNumber counted) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                       files.Open(layout.counted(), OpenMode::kCreateOrOpen, kAnyReadWrite));
  std::array<std::byte, kCountedSize> record;
  WriteBigEndian32(&record[0], counted.value);
  WriteBigEndian32(&record[4], segment.header().salt1);
  EFS_RETURN_IF_ERROR(file->WriteAt(CountedOffset(segment.number()), record));
  return file->Sync();
}

Result<FrameNumber> ReadCounted(FileSystem& files, const Layout& layout, const Segment& segment) {
  const Status missing = Status::CantOpen(layout.counted() + " does not say what became of log segment " +
                                          segment.path() + "; restore the log directory from a backup");
  const Result<std::unique_ptr<File>> file = files.Open(layout.counted(), OpenMode::kReadFresh);
  if (!file.ok()) return file.status().Is(StatusCode::kNotFound) ? missing : file.status();
  std::array<std::byte, kCountedSize> record;
  EFS_ASSIGN_OR_RETURN(const size_t size, (*file)->ReadAt(CountedOffset(segment.number()), record));
  if (size < record.size() || ReadBigEndian32(&record[4]) != segment.header().salt1) return missing;
  return FrameNumber{ReadBigEndian32(&record[0])};
}

}  // namespace sqlite_efs
