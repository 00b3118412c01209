#include "store/verify.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "lease/embedded_lease_store.h"
#include "store/base_file.h"
#include "store/segment.h"

namespace sqlite_efs {
namespace {

constexpr size_t kRead_bytes = size_t{1} << 20;

constexpr char kRemedy[] = "; restore the database from a backup";

// Damage is what is wrong with the files; any other failure means that they could not be checked.
bool IsDamage(const Status& status) {
  return status.Is(StatusCode::kCorrupt) || status.Is(StatusCode::kNotDatabase) || status.Is(StatusCode::kCantOpen);
}

// One segment as it lies on disk.
struct OnDisk {
  SegmentNumber number;
  std::unique_ptr<File> file;
  WalHeader header;
  WalChecksum first_checksum;
  uint64_t size_bytes = 0;
};

// Reads the frames of a segment one after another, from the first.
class Frames {
 public:
  explicit Frames(const OnDisk& segment)
      : segment_(segment), frame_size_(kFrameHeaderSize + segment.header.page_size), offset_(kWalHeaderSize) {}

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
    buffer_.resize(std::max<size_t>(kRead_bytes / frame_size_, 1) * frame_size_);
    EFS_ASSIGN_OR_RETURN(const size_t size, segment_.file->ReadAt(offset_, buffer_));
    filled_ = size / frame_size_ * frame_size_;
    offset_ += filled_;
    position_ = 0;
    return {};
  }

  const OnDisk& segment_;
  const size_t frame_size_;
  uint64_t offset_;
  std::vector<std::byte> buffer_;
  size_t position_ = 0;
  size_t filled_ = 0;
};

// How far the frames of a segment are intact.
struct Intact {
  FrameNumber frames;           // from the first
  FrameNumber last_commit;      // the last of them that ends a commit
  bool commits_follow = false;  // commits are proved to follow the first frame that is not intact
};

// Whether the frame carries the segment's salts but for one byte.
bool HasSalts(const WalHeader& header, Bytes frame, int max_wrong_bytes) {
  std::array<std::byte, 8> salts;
  WriteBigEndian32(&salts[0], header.salt1);
  WriteBigEndian32(&salts[4], header.salt2);
  int wrong = 0;
  for (size_t i = 0; i < salts.size(); i++) wrong += frame[8 + i] != salts[i] ? 1 : 0;
  return wrong <= max_wrong_bytes;
}

// `bad` does not continue the chain `before`. It and the frames behind it may be a commit that was never finished; but
// that would be the segment's last. So a commit that ends, followed by a frame that fits to it, shows that `bad` is
// damaged. What fits is chained either to the checksum that a frame states, or to the one of what it holds.
Result<bool> CommitsFollow(const OnDisk& segment, Frames& frames, std::vector<std::byte> bad, WalChecksum before) {
  const WalHeader& header = segment.header;
  bool commit_passed = false;
  bool first = true;
  std::vector<std::byte> frame = std::move(bad);
  while (first || HasSalts(header, frame, 0)) {  // the first one may be damaged beyond recognition
    const bool has_salts = HasSalts(header, frame, first ? 1 : 0);
    commit_passed = commit_passed || (has_salts && ReadBigEndian32(frame.data() + 4) != 0);
    WalChecksum stated = StatedChecksum(frame);
    WalChecksum computed = before.Extended(Bytes(frame).first(8)).Extended(Bytes(frame).subspan(kFrameHeaderSize));
    before = stated;
    EFS_ASSIGN_OR_RETURN(const Bytes next, frames.Next());
    if (next.empty()) return false;
    const bool fits = DecodeFrame(header, next, &stated) || (first && DecodeFrame(header, next, &computed));
    if (fits && commit_passed) return true;
    first = false;
    frame.assign(next.begin(), next.end());
  }
  return false;
}

Result<Intact> ReadFrames(const OnDisk& segment, FrameNumber limit, const std::function<void()>& on_frame) {
  Frames frames(segment);
  Intact intact;
  WalChecksum chain = segment.first_checksum;
  while (intact.frames < limit) {
    EFS_ASSIGN_OR_RETURN(const Bytes frame, frames.Next());
    if (frame.empty()) break;
    const auto header = DecodeFrame(segment.header, frame, &chain);
    if (!header) {
      EFS_ASSIGN_OR_RETURN(intact.commits_follow, CommitsFollow(segment, frames, {frame.begin(), frame.end()}, chain));
      // Read again, after what follows it: it may have been on its way before.
      if (intact.commits_follow) {
        const FrameNumber bad = {intact.frames.value + 1};
        EFS_ASSIGN_OR_RETURN(const bool whole, HasFrame(*segment.file, segment.header, bad, chain));
        intact.commits_follow = !whole;
      }
      break;
    }
    intact.frames.value++;
    if (header->page_count != 0) intact.last_commit = intact.frames;
    on_frame();
  }
  return intact;
}

Result<OnDisk> OpenSegment(FileSystem& files, const Layout& layout, SegmentNumber number) {
  OnDisk segment;
  segment.number = number;
  EFS_ASSIGN_OR_RETURN(segment.file, files.Open(layout.segment(number), OpenMode::kReadFresh));
  std::array<std::byte, kWalHeaderSize> bytes;
  EFS_ASSIGN_OR_RETURN(const size_t size, segment.file->ReadAt(0, bytes));
  if (IsEndOfLog(Bytes(bytes).first(size))) {
    return Status(StatusCode::kStale,
                  layout.base() + " is being detached; when that has ended there is no log to check");
  }
  const auto header = DecodeWalHeader(Bytes(bytes).first(size), &segment.first_checksum);
  if (!header) {
    return Status::Corrupt("the header of log segment " + segment.file->path() + " is damaged" + kRemedy);
  }
  segment.header = *header;
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, segment.file->Look());
  segment.size_bytes = attributes.size;
  return segment;
}

// One run of CheckLog().
class LogChecker {
 public:
  LogChecker(FileSystem& files, const Layout& layout, const Progress& progress)
      : files_(files), layout_(layout), progress_(progress) {}

  Result<LogCheck> Run() {
    EFS_RETURN_IF_ERROR(Note(ReadDatabaseId(files_, layout_).status()));
    EFS_RETURN_IF_ERROR(Note(CheckBase()));
    // Read before the frames: what it says of them only becomes less than there is.
    record_ = EmbeddedLeaseStore::Peek(files_, layout_.lease());
    const Result<LogListing> listing = ListLog(files_, layout_);
    EFS_RETURN_IF_ERROR(Note(listing.status()));
    if (!listing.ok()) return check_;
    const std::vector<SegmentNumber>& numbers = listing->segments;
    CheckEnd(numbers);
    EFS_RETURN_IF_ERROR(OpenAll(numbers));
    for (size_t i = 0; i < segments_.size(); i++) EFS_RETURN_IF_ERROR(CheckSegment(i));
    CheckRecordedSegment(numbers);
    EFS_RETURN_IF_ERROR(CheckNotMerged(numbers));
    if (progress_) progress_(total_bytes_, total_bytes_);
    return std::move(check_);
  }

 private:
  // Notes damage and goes on; passes any other failure on.
  Status Note(const Status& status) {
    if (!IsDamage(status)) return status;
    check_.damages.push_back(status.message());
    return {};
  }

  void NoteFrame(const OnDisk& segment, FrameNumber frame, const std::string& why) {
    check_.damages.push_back("frame " + std::to_string(frame.value) + " of log segment " + segment.file->path() +
                             " is damaged: " + why + kRemedy);
  }

  Status CheckBase() {
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<BaseFile> base, BaseFile::Open(files_, layout_.base()));
    page_size_ = base->page_size();
    std::array<std::byte, kDatabaseHeaderSize> header;
    EFS_ASSIGN_OR_RETURN(const size_t size, base->file().ReadAt(0, header));
    const std::byte written = header[kWriteVersionOffset];
    const bool guarded = size == header.size() && header[kReadVersionOffset] == kVersionWal &&
                         (written == kVersionWal || written == kVersionRollback);
    if (guarded) return {};
    return Status::Corrupt("the header of " + layout_.base() +
                           " does not say WAL mode, so that stock SQLite would not be refused; it was changed by "
                           "another program: restore the database from a backup");
  }

  // A number that was merged since the listing may have been given again, by a seal that came too late, and what lies
  // under it is no part of the log.
  Status CheckNotMerged(const std::vector<SegmentNumber>& numbers) const {
    if (check_.damages.empty()) return {};
    const Result<LogListing> again = ListLog(files_, layout_);
    if (!again.ok() || again->merged < numbers.front()) return {};  // what is wrong with the listing may be the damage
    return {StatusCode::kStale, "the log in " + layout_.directory() + " was merged while it was checked; try again"};
  }

  // The last segment is never older than the last tenure.
  void CheckEnd(const std::vector<SegmentNumber>& numbers) {
    const uint64_t recorded = record_ && record_->released ? record_->released->segment : 0;
    if (recorded > numbers.back().value) NoteMissing({recorded});
  }

  void NoteMissing(SegmentNumber number) {
    check_.damages.push_back("log segment " + layout_.segment(number) + " is missing" + kRemedy);
  }

  Status OpenAll(const std::vector<SegmentNumber>& numbers) {
    for (const SegmentNumber number : numbers) {
      Result<OnDisk> segment = OpenSegment(files_, layout_, number);
      EFS_RETURN_IF_ERROR(Note(segment.status()));
      if (!segment.ok()) segment = OnDisk{number, nullptr, {}, {}, 0};
      if (segment->file && page_size_ != 0 && segment->header.page_size != page_size_) {
        check_.damages.push_back("log segment " + segment->file->path() + " has pages of " +
                                 std::to_string(segment->header.page_size) + " bytes, but " + layout_.base() + " of " +
                                 std::to_string(page_size_) + kRemedy);
      }
      total_bytes_ += segment->size_bytes;
      segments_.push_back(std::move(*segment));
    }
    return {};
  }

  Status CheckSegment(size_t i) {
    const OnDisk& segment = segments_[i];
    check_.segments++;
    if (!segment.file) return {};
    done_bytes_ = 0;
    for (size_t k = 0; k < i; k++) done_bytes_ += segments_[k].size_bytes;
    const bool last = i + 1 == segments_.size();
    if (!last && !segments_[i + 1].file) return {};  // nobody says how many count: its damage is noted
    return last ? CheckLastSegment(segment) : CheckSealedSegment(segment, segments_[i + 1].header.counted_of_previous);
  }

  Status CheckSealedSegment(const OnDisk& segment, FrameNumber counted) {
    EFS_ASSIGN_OR_RETURN(const Intact intact, ReadFrames(segment, counted, OnFrame(segment)));
    check_.frames += intact.frames.value;
    if (intact.frames < counted) {
      NoteFrame(
          segment, {intact.frames.value + 1},
          "its checksum is wrong, and the next segment says that " + std::to_string(counted.value) + " frames count");
    } else if (intact.last_commit < counted) {
      NoteFrame(segment, counted, "the next segment says that it ends a commit, and it does not");
    }
    counted_[segment.number.value] = counted;
    return {};
  }

  Status CheckLastSegment(const OnDisk& segment) {
    EFS_ASSIGN_OR_RETURN(const Intact intact, ReadFrames(segment, {UINT32_MAX}, OnFrame(segment)));
    check_.frames += intact.last_commit.value;
    counted_[segment.number.value] = intact.last_commit;
    last_intact_ = intact.frames;
    if (intact.commits_follow) {
      NoteFrame(segment, {intact.frames.value + 1}, "its checksum is wrong, and commits follow it");
    }
    return {};
  }

  // A writer that ended in order left a record of how many frames it had seen to count.
  void CheckRecordedSegment(const std::vector<SegmentNumber>& numbers) {
    if (!record_ || !record_->released || !check_.damages.empty()) return;
    const CleanRelease& released = *record_->released;
    const auto found = std::find(numbers.begin(), numbers.end(), SegmentNumber{released.segment});
    if (found == numbers.end()) return;
    const OnDisk& segment = segments_[static_cast<size_t>(found - numbers.begin())];
    if (segment.header.salts() != released.salts) return;  // of another copy of the tree
    const FrameNumber counted = counted_[released.segment];
    if (counted.value >= released.frames) return;
    const uint32_t first_bad = segment.number == numbers.back() ? last_intact_.value + 1 : counted.value + 1;
    NoteFrame(segment, {std::min(first_bad, released.frames)},
              "the last writer left " + std::to_string(released.frames) + " frames that count, and only " +
                  std::to_string(counted.value) + " are intact");
  }

  std::function<void()> OnFrame(const OnDisk& segment) {
    const uint64_t frame_size = kFrameHeaderSize + segment.header.page_size;
    return [this, frame_size, done = done_bytes_]() mutable {
      done += frame_size;
      if (progress_) progress_(std::min(done, total_bytes_), total_bytes_);
    };
  }

  FileSystem& files_;
  const Layout& layout_;
  const Progress& progress_;
  uint32_t page_size_ = 0;
  std::optional<LeaseRecord> record_;
  std::vector<OnDisk> segments_;
  std::map<uint64_t, FrameNumber> counted_;
  FrameNumber last_intact_;
  uint64_t done_bytes_ = 0;
  uint64_t total_bytes_ = 0;
  LogCheck check_;
};

const char* NameOf(SegmentState state) {
  switch (state) {
    case SegmentState::kLive:
      return "live";
    case SegmentState::kSealed:
      return "sealed";
    case SegmentState::kMerging:
      return "merging";
  }
  return "";
}

}  // namespace

Result<LogCheck> CheckLog(FileSystem& files, const Layout& layout, const Progress& progress) {
  return LogChecker(files, layout, progress).Run();
}

Result<std::vector<SegmentSummary>> SummarizeSegments(FileSystem& files, const Layout& layout) {
  EFS_ASSIGN_OR_RETURN(const LogListing listing, ListLog(files, layout));
  std::vector<SegmentSummary> summaries;
  for (const SegmentNumber number : listing.segments) {
    EFS_ASSIGN_OR_RETURN(const OnDisk segment, OpenSegment(files, layout, number));
    if (!summaries.empty()) {
      summaries.back().frames = segment.header.counted_of_previous;
      summaries.back().has_frames = true;
    }
    EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, segment.file->Look());
    summaries.push_back({number, NameOf(StateOf(attributes)), attributes.size, false, {}});
  }
  return summaries;
}

}  // namespace sqlite_efs
