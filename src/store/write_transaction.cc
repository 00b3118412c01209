#include "store/write_transaction.h"

#include <algorithm>
#include <cstring>

namespace sqlite_efs {
namespace {

// Frames beyond this are written to the log before the commit.
constexpr size_t kBuffer_bytes = size_t{4} << 20;
// The segment's file grows in steps, so that commits do not append: half its size, within these bounds.
constexpr uint64_t kSmallestStep_bytes = uint64_t{1} << 20;
constexpr uint64_t kLargestStep_bytes = uint64_t{64} << 20;
// How long a commit whose write failed waits for the files to say whether it counts.
constexpr Duration kSettleTimeout = std::chrono::seconds(10);
constexpr Duration kSettlePoll = std::chrono::milliseconds(50);

}  // namespace

WriteTransaction::WriteTransaction(const Environment& environment, LiveDatabase& live, const LogPosition& from)
    : environment_(environment),
      live_(live),
      segment_(live.tenure().segment),
      position_(from),
      end_(live.log().EndOf(*segment_)),
      buffer_(live.page_size()),
      first_(end_.frames),
      allocated_bytes_(live.log().live_size()) {}

Status WriteTransaction::WritePage(PageNumber page, Bytes content) {
  if (!broken_.ok()) return broken_;
  if (buffer_.size_bytes() >= kBuffer_bytes && buffer_.Find(page).empty()) EFS_RETURN_IF_ERROR(Append(0));
  std::memcpy(buffer_.Place(page).data(), content.data(), content.size());
  return {};
}

Result<bool> WriteTransaction::ReadPage(PageNumber page, MutableBytes out) const {
  const Bytes buffered = buffer_.Find(page);
  if (!buffered.empty()) {
    std::memcpy(out.data(), buffered.data(), out.size());
    return true;
  }
  const FrameNumber spilled = spilled_.Find(page, {UINT32_MAX});
  if (spilled.value == 0) return false;
  EFS_RETURN_IF_ERROR(segment_->ReadPage({first_.value + spilled.value}, out));
  return true;
}

Status WriteTransaction::Allocate(File& writer, uint64_t end) {
  if (end <= allocated_bytes_) return {};
  const uint64_t step = std::clamp(end / 2, kSmallestStep_bytes, kLargestStep_bytes);
  const uint64_t size = (end + step - 1) / step * step;
  EFS_RETURN_IF_ERROR(writer.Truncate(size));
  allocated_bytes_ = size;
  return {};
}

Status WriteTransaction::Append(uint32_t commit_page_count) {
  const uint64_t offset = FrameOffset({end_.frames.value + 1}, live_.page_size());
  const Bytes frames = buffer_.Encode(segment_->header(), commit_page_count, &end_.checksum);
  const auto write = [&]() -> Status {
    EFS_ASSIGN_OR_RETURN(File* const writer, segment_->Writer(environment_.files));
    EFS_RETURN_IF_ERROR(Allocate(*writer, offset + frames.size()));
    EFS_RETURN_IF_ERROR(writer->WriteAt(offset, frames));
    return commit_page_count != 0 ? writer->Sync() : Status();
  };
  broken_ = write();
  if (!broken_.ok()) {
    live_.TenureBroken();
    return broken_;
  }
  frames_written_ += buffer_.count();
  end_.frames.value += static_cast<uint32_t>(buffer_.count());
  for (const PageNumber page : buffer_.pages()) spilled_.Append(page);
  if (commit_page_count == 0) buffer_.Clear();
  return {};
}

// Looks, after the frames are durable, whether the segment is still live: then whoever seals it will find them.
Status WriteTransaction::Acknowledge() {
  EFS_ASSIGN_OR_RETURN(File* const writer, segment_->Writer(environment_.files));
  // Attributes change at the beginning of a write, before its data can be read. This change comes after it, so that a
  // reader that has seen these attributes for a while has seen the data too.
  EFS_RETURN_IF_ERROR(writer->Touch());
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, segment_->Look());
  if (StateOf(attributes) == SegmentState::kLive) return {};
  return Status::Busy("the lease of " + live_.layout().base() +
                      " was taken over by another writer before this transaction was committed; nothing of it was "
                      "saved, run it again");
}

Status WriteTransaction::Commit(uint32_t page_count) {
  if (!broken_.ok()) return broken_;
  buffer_.DropAfter({page_count});
  assert(buffer_.count() > 0);  // page 1 is part of every commit
  const FrameNumber last = {end_.frames.value + static_cast<uint32_t>(buffer_.count())};
  Status status = Append(page_count);
  if (status.ok()) status = Acknowledge();
  if (status.ok()) {
    Publish(page_count);
  } else {
    live_.TenureBroken();
    end_.frames = last;
    status = Settle(status);
  }
  broken_ = status.ok() ? Status(StatusCode::kInvalid, "the transaction is over") : status;
  position_.page_count = page_count;
  return status;
}

// The commit is durable and counts.
void WriteTransaction::Publish(uint32_t page_count) {
  end_.page_count = page_count;
  NewFrames frames;
  frames.end = end_;
  for (uint32_t i = 1; i <= spilled_.size().value; i++) frames.pages.push_back(spilled_.PageOf({i}));
  live_.log().Committed(*segment_, frames);
  const uint32_t before_buffer = end_.frames.value - static_cast<uint32_t>(buffer_.count());
  for (uint32_t i = 0; i < buffer_.count(); i++) {
    live_.cache().Put({segment_->number().value, before_buffer + i + 1}, buffer_.PageAt(i));
  }
  position_ = {segment_->number(), end_.frames, page_count};
}

// It is not known whether the commit counts. The segment is ended, and its successor decides, exactly.
Status WriteTransaction::Settle(const Status& failure) {
  const Instant deadline = environment_.clock.Now() + kSettleTimeout;
  Result<bool> counts = live_.log().Decide(*segment_, end_.frames);
  while (!counts.ok() && !counts.status().Is(StatusCode::kFull) && environment_.clock.Now() < deadline) {
    environment_.clock.Sleep(kSettlePoll);
    counts = live_.log().Decide(*segment_, end_.frames);
  }
  if (counts.ok()) {
    if (!*counts) return failure;
    position_ = {segment_->number(), end_.frames, 0};
    return {};
  }
  if (failure.Is(StatusCode::kFull)) {
    // No room for a successor either. A server that says so has not kept the write for later.
    const Result<FileAttributes> attributes = segment_->Look();
    const SegmentEnd known = live_.log().EndOf(*segment_);
    const Result<NewFrames> found =
        attributes.ok() ? segment_->Scan(known, attributes->size) : Result<NewFrames>(attributes.status());
    if (found.ok() && found->end.frames < end_.frames) return failure;
  }
  return {StatusCode::kUnknownOutcome, "it is not known whether the transaction was committed: " + failure.message() +
                                           "; then " + counts.status().message()};
}

}  // namespace sqlite_efs
