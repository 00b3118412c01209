#ifndef SQLITE_EFS_STORE_WRITE_TRANSACTION_H_
#define SQLITE_EFS_STORE_WRITE_TRANSACTION_H_

#include <memory>
#include <optional>

#include "base/status.h"
#include "store/frame_buffer.h"
#include "store/live_database.h"

namespace sqlite_efs {

// The pages that one transaction writes, and their commit. Only whoever has the writer's place and a tenure may have
// one; it ends before the tenure does. Not thread-safe.
class WriteTransaction {
 public:
  // `from` is the newest state, which the transaction changes.
  WriteTransaction(const Environment& environment, LiveDatabase& live, const LogPosition& from);

  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;

  // Takes a page's new content. Beyond a bound of memory, frames are written to the log ahead of the commit.
  Status WritePage(PageNumber page, Bytes content);

  // Copies out.size() bytes from `offset` of a page that the transaction has written: false if it has not.
  Result<bool> ReadPage(PageNumber page, size_t offset, MutableBytes out) const;

  // Writes what is left, makes it durable, and looks whether it counts. On success the state is `position()`. On
  // failure nothing of the transaction is in the database, now or later, except after kUnknownOutcome. Once only.
  Status Commit(uint32_t page_count);

  const LogPosition& position() const { return position_; }
  uint64_t frames_written() const { return frames_written_; }

 private:
  Status Spill();
  Status RewriteSpilled(bool but_for_page_1);
  Status ChainAnew();
  Status ShowFirst();
  Status WriteAt(uint64_t offset, Bytes data);
  Status Sync();
  Status Append(uint32_t commit_page_count);
  Status OpenWriter();
  Status WriteCommit(uint32_t page_count);
  Status Allocate(File& writer, uint64_t end);
  Status Acknowledge();
  Status TakenOver() const;
  Status Settle(const Status& failure, uint32_t page_count);
  void Publish(uint32_t page_count);

  const Environment& environment_;
  LiveDatabase& live_;
  std::shared_ptr<Segment> segment_;
  LogPosition position_;
  SegmentEnd end_;  // of the frames written so far
  FrameBuffer& buffer_;
  FrameIndex spilled_;                            // frame i of it is frame first_.value + i of the segment
  const WalChecksum start_checksum_;              // of the chain before the transaction
  FrameNumber first_;                             // frames before the transaction
  FrameNumber rewritten_from_;                    // the first frame whose page was written again; 0: none
  std::optional<FrameHeaderBytes> first_header_;  // of the first frame, while it is hidden
  FrameNumber commit_frame_;                      // 0 until it is about to be written
  bool unsynced_ = false;                         // something was written that may not be on the server yet
  bool may_be_lost_ = false;                      // the sync of the commit failed
  FileAttributes acknowledged_;                   // of the segment, when it was seen that the commit counts
  uint64_t allocated_bytes_ = 0;                  // known size of the segment's file
  uint64_t frames_written_ = 0;
  Status broken_;  // of a failed write: nothing more is written
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_WRITE_TRANSACTION_H_
