#include "store/write_transaction.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace sqlite_efs {
namespace {

constexpr size_t kChainBatch_bytes = size_t{1} << 20;
// The segment's file grows in steps, so that commits do not append: half its size, within these bounds.
constexpr uint64_t kSmallestStep_bytes = uint64_t{1} << 20;
constexpr uint64_t kLargestStep_bytes = uint64_t{64} << 20;
// How long a commit whose write failed waits for the files to say whether it counts.
constexpr Duration kSettleTimeout = std::chrono::seconds(10);
constexpr Duration kSettlePoll = std::chrono::milliseconds(50);
// Of the buffer's memory, which the next transaction would have to ask for again.
constexpr size_t kKeptBuffer_bytes = size_t{2} << 20;

}  // namespace

WriteTransaction::WriteTransaction(const Environment& environment, LiveDatabase& live, const LogPosition& from)
    : environment_(environment),
      live_(live),
      segment_(live.tenure().segment),
      position_(from),
      end_(live.log().EndOf(*segment_)),
      buffer_(live.frame_buffer()),
      start_checksum_(end_.checksum),
      first_(end_.frames),
      allocated_bytes_(live.log().live_size()) {}

WriteTransaction::~WriteTransaction() {
  buffer_.Shed(kKeptBuffer_bytes);
  // What was written ahead and is not wanted any more must not be on its way when others may write to the segment: an
  // NFS client holds it back for half a minute.
  if (unsynced_ && broken_.ok() && !Sync().ok()) live_.TenureBroken();
  // What did not fit must not keep the disk full. Without a commit frame nothing of it can count, whoever seals.
  if (!broken_.Is(StatusCode::kFull) || commit_frame_.value != 0) return;
  const Result<File*> writer = segment_->Writer(live_.files());
  if (writer.ok()) (void)(*writer)->Truncate(FrameOffset({first_.value + 1}, live_.page_size()));
}

Status WriteTransaction::WritePage(PageNumber page, Bytes content) {
  if (!broken_.ok()) return broken_;
  if (buffer_.size_bytes() >= environment_.spill_bytes && buffer_.Find(page).empty()) EFS_RETURN_IF_ERROR(Spill());
  std::memcpy(buffer_.Place(page).data(), content.data(), content.size());
  return {};
}

Result<bool> WriteTransaction::ReadPage(PageNumber page, size_t offset, MutableBytes out) const {
  const Bytes buffered = buffer_.Find(page);
  if (!buffered.empty()) {
    std::memcpy(out.data(), buffered.data() + offset, out.size());
    return true;
  }
  const FrameNumber spilled = spilled_.Find(page, {UINT32_MAX});
  if (spilled.value == 0) return false;
  std::vector<std::byte> content(live_.page_size());
  EFS_RETURN_IF_ERROR(segment_->ReadPage({first_.value + spilled.value}, content));
  std::memcpy(out.data(), content.data() + offset, out.size());
  return true;
}

Status WriteTransaction::Allocate(File& writer, uint64_t end) {
  if (end <= allocated_bytes_) return {};
  const uint64_t step = std::clamp(end / 2, kSmallestStep_bytes, kLargestStep_bytes);
  const uint64_t size = (end / step + 1) * step;  // and not just to `end`, which is twice the step
  EFS_RETURN_IF_ERROR(writer.Truncate(size));
  allocated_bytes_ = size;
  return {};
}

// Writes the buffered pages to the log ahead of the commit.
Status WriteTransaction::Spill() {
  EFS_RETURN_IF_ERROR(RewriteSpilled(/*but_for_page_1=*/false));
  EFS_RETURN_IF_ERROR(Append(0));
  buffer_.Clear();
  return {};
}

// Writes buffered pages that have a frame of this transaction into that frame: a transaction that changes the same
// pages again and again must not fill the log. Nobody believes these frames before the commit; their checksums are made
// then.
Status WriteTransaction::RewriteSpilled(bool but_for_page_1) {
  if (spilled_.size().value == 0) return {};
  const auto rewrite = [&](PageNumber page) {
    const FrameNumber spilled = spilled_.Find(page, {UINT32_MAX});
    if (spilled.value == 0 || !broken_.ok() || (but_for_page_1 && page.value == 1)) return false;
    const FrameNumber frame = {first_.value + spilled.value};
    broken_ = WriteAt(FrameOffset(frame, live_.page_size()) + kFrameHeaderSize, buffer_.Find(page));
    if (rewritten_from_.value == 0 || frame < rewritten_from_) rewritten_from_ = frame;
    return true;
  };
  buffer_.DropIf(rewrite);
  return broken_;
}

// Makes the checksums of the frames from the first rewritten one on.
Status WriteTransaction::ChainAnew() {
  if (rewritten_from_.value == 0) return {};
  // What is read back must be what was written: one that fails in the background is dropped, and older content shows.
  EFS_RETURN_IF_ERROR(Sync());
  const size_t frame_size = segment_->frame_size();
  const uint32_t batch_frames = static_cast<uint32_t>(std::max<size_t>(1, kChainBatch_bytes / frame_size));
  std::vector<std::byte> batch(frame_size);
  WalChecksum chain = start_checksum_;
  if (rewritten_from_.value > first_.value + 1) {
    EFS_RETURN_IF_ERROR(segment_->ReadFrames({rewritten_from_.value - 1}, batch));
    chain = StatedChecksum(batch);
  }
  for (FrameNumber at = rewritten_from_; at <= end_.frames; at.value += batch_frames) {
    const uint32_t count = std::min(batch_frames, end_.frames.value - at.value + 1);
    batch.resize(count * frame_size);
    EFS_RETURN_IF_ERROR(segment_->ReadFrames(at, batch));
    for (uint32_t i = 0; i < count; i++) {
      const MutableBytes frame = MutableBytes(batch).subspan(i * frame_size, frame_size);
      chain = EncodeFrame(segment_->header(), {spilled_.PageOf({at.value + i - first_.value}), 0}, chain, frame);
    }
    EFS_RETURN_IF_ERROR(WriteAt(FrameOffset(at, live_.page_size()), batch));
    if (at.value == first_.value + 1) first_header_.reset();
  }
  end_.checksum = chain;
  return {};
}

// Frames that were written ahead become visible, as the continuation of the chain, when their commit is under way.
Status WriteTransaction::ShowFirst() {
  if (!first_header_) return {};
  return WriteAt(FrameOffset({first_.value + 1}, live_.page_size()), *first_header_);
}

// Writes to the segment. After a failure the tenure is over: the write may still land, at any time.
Status WriteTransaction::WriteAt(uint64_t offset, Bytes data) {
  const auto write = [&]() -> Status {
    EFS_ASSIGN_OR_RETURN(File* const writer, segment_->Writer(live_.files()));
    EFS_RETURN_IF_ERROR(Allocate(*writer, offset + data.size()));
    unsynced_ = true;
    return writer->WriteAt(offset, data);
  };
  broken_ = write();
  if (!broken_.ok()) live_.TenureBroken();
  return broken_;
}

Status WriteTransaction::Sync() {
  EFS_ASSIGN_OR_RETURN(File* const writer, segment_->Writer(live_.files()));
  {
    const Timed sync(environment_.clock, live_.watch().metrics, Time::kSync);
    EFS_RETURN_IF_ERROR(writer->Sync());
  }
  unsynced_ = false;
  return {};
}

// Writes the buffered pages as the next frames.
Status WriteTransaction::Append(uint32_t commit_page_count) {
  const uint64_t offset = FrameOffset({end_.frames.value + 1}, live_.page_size());
  buffer_.Encode(segment_->header(), commit_page_count, &end_.checksum);
  const bool hidden = commit_page_count == 0 && end_.frames == first_;
  if (hidden) first_header_ = buffer_.HideFirst();
  // Before the write: one that fails may have been carried out.
  frames_written_ += buffer_.count();
  end_.frames.value += static_cast<uint32_t>(buffer_.count());
  for (const PageNumber page : buffer_.pages()) spilled_.Append(page);
  return WriteAt(offset, buffer_.bytes());
}

// Looks, after the frames are durable, whether the segment is still live: then whoever seals it will find them.
Status WriteTransaction::Acknowledge() {
  // Attributes change at the beginning of a write, before its data can be read. This change comes after it, so that a
  // reader that has seen these attributes for a while has seen the data too.
  EFS_ASSIGN_OR_RETURN(acknowledged_, segment_->TouchAndLook(live_.files()));
  live_.log().NoteServerTime(acknowledged_.mtime_ns);
  return StateOf(acknowledged_) == SegmentState::kLive ? Status() : TakenOver();
}

Status WriteTransaction::TakenOver() const {
  return Status::Busy("the lease of " + live_.layout().base() +
                      " was taken over by another writer before this transaction was committed; nothing of it was "
                      "saved, run it again");
}

// A segment that others have sealed or removed cannot be opened for writing: then nothing of the commit is there.
Status WriteTransaction::OpenWriter() {
  const Result<File*> writer = segment_->Writer(live_.files());
  if (writer.ok()) return {};
  const Result<FileAttributes> found = segment_->Look();
  const bool is_over = found.ok() ? StateOf(*found) != SegmentState::kLive : found.status().Is(StatusCode::kStale);
  return is_over ? TakenOver() : writer.status();
}

Status WriteTransaction::WriteCommit(uint32_t page_count) {
  buffer_.DropIf([&](PageNumber page) { return page.value > page_count; });
  // The commit frame comes last. It is page 1's, which is part of every commit.
  if (buffer_.Find({1}).empty()) {
    std::vector<std::byte> page(live_.page_size());
    EFS_ASSIGN_OR_RETURN(const bool spilled, ReadPage({1}, 0, page));
    assert(spilled);
    std::memcpy(buffer_.Place({1}).data(), page.data(), page.size());
  }
  EFS_RETURN_IF_ERROR(RewriteSpilled(/*but_for_page_1=*/true));
  EFS_RETURN_IF_ERROR(ChainAnew());
  EFS_RETURN_IF_ERROR(ShowFirst());
  EFS_RETURN_IF_ERROR(OpenWriter());
  commit_frame_.value = end_.frames.value + static_cast<uint32_t>(buffer_.count());
  EFS_RETURN_IF_ERROR(Append(page_count));
  Status synced = Sync();
  may_be_lost_ = !synced.ok();
  return synced;
}

Status WriteTransaction::Commit(uint32_t page_count) {
  if (!broken_.ok()) return broken_;
  Status status = WriteCommit(page_count);
  if (status.ok()) status = Acknowledge();
  if (status.ok()) {
    Publish(page_count);
  } else {
    live_.TenureBroken();
    status = Settle(status, page_count);
  }
  broken_ = status.ok() ? Status(StatusCode::kInvalid, "the transaction is over") : status;
  return status;
}

// The commit counts: the index of this process has it from now on.
void WriteTransaction::Publish(uint32_t page_count) {
  end_.page_count = page_count;
  NewFrames frames;
  frames.end = end_;
  for (uint32_t i = 1; i <= spilled_.size().value; i++) frames.pages.push_back(spilled_.PageOf({i}));
  live_.log().Committed(*segment_, frames, acknowledged_);
  const uint32_t before_buffer = end_.frames.value - static_cast<uint32_t>(buffer_.count());
  for (uint32_t i = 0; i < buffer_.count(); i++) {
    live_.cache().PutFrame(segment_->number(), {before_buffer + i + 1}, buffer_.PageAt(i));
  }
  position_ = {segment_->number(), end_.frames, page_count};
}

// It is not known whether the commit counts. The segment is ended, and its successor decides, exactly.
Status WriteTransaction::Settle(const Status& failure, uint32_t page_count) {
  // A segment that is gone was sealed and merged by others.
  const Status refusal = failure.Is(StatusCode::kStale) ? TakenOver() : failure;
  if (commit_frame_.value == 0) return refusal;  // nothing can count without it
  const Instant deadline = environment_.clock.Now() + kSettleTimeout;
  Result<bool> counts = live_.log().Decide(*segment_, commit_frame_);
  while (!counts.ok() && !counts.status().Is(StatusCode::kFull) && environment_.clock.Now() < deadline) {
    environment_.clock.Sleep(kSettlePoll);
    counts = live_.log().Decide(*segment_, commit_frame_);
  }
  if (counts.ok()) {
    if (!*counts) return refusal;
    acknowledged_ = {};  // what others have added since is still to be looked for
    Publish(page_count);
    if (!may_be_lost_) return {};
    // After a failed sync a system may have dropped the data that it still shows.
    return {StatusCode::kUnknownOutcome, "the transaction is committed, but may not be durable: " + failure.message()};
  }
  if (failure.Is(StatusCode::kFull)) {
    // No room for a successor either. A server that says so has not kept the write for later.
    const Result<FileAttributes> attributes = segment_->Look();
    const SegmentEnd known = live_.log().EndOf(*segment_);
    const Result<NewFrames> found =
        attributes.ok() ? segment_->Scan(known, attributes->size) : Result<NewFrames>(attributes.status());
    if (found.ok() && found->end.frames < commit_frame_) return failure;
  }
  return {StatusCode::kUnknownOutcome, "it is not known whether the transaction was committed: " + failure.message() +
                                           "; then " + counts.status().message()};
}

}  // namespace sqlite_efs
