#include "lease/embedded_lease_store.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace sqlite_efs {
namespace {

// The record is padded to one size, so that a shorter one leaves nothing of a longer one behind.
constexpr size_t kRecordSize_bytes = 1024;
// Locks are on bytes, whatever these hold: the holder's; whoever draws a ticket; and a byte for each ticket.
constexpr uint64_t kHolderOffset = 0;
constexpr uint64_t kDrawOffset = 1;
constexpr uint64_t kTicketsOffset = uint64_t{1} << 32;
constexpr uint64_t kTicketsLength = uint64_t{1} << 60;
constexpr uint64_t kLockLength = 1;

// The last ticket drawn, in decimal digits, behind the record.
constexpr uint64_t kLastTicketOffset = 2 * kRecordSize_bytes;
constexpr size_t kTicketDigits = 18;
constexpr int kMaxTicketsTried = 1000;

// The record's text, padding included; empty if it cannot be read.
std::string ReadText(File& file) {
  std::string text(kRecordSize_bytes, ' ');
  const Result<size_t> size = file.ReadAt(0, std::as_writable_bytes(std::span(text)));
  text.resize(size.ok() ? *size : 0);
  return text;
}

}  // namespace

Status EmbeddedLeaseStore::Open() {
  if (file_) return {};
  const std::string present_path = std::exchange(present_path_, "");
  Result<std::unique_ptr<File>> opened = files_.Open(present_path.empty() ? path_ : present_path, OpenMode::kReadWrite);
  if (!opened.ok() && opened.status().Is(StatusCode::kNotFound)) {
    opened = files_.Open(path_, OpenMode::kCreateOrOpen, permissions_);
    // The umask must not keep out those who may write to the database.
    if (opened.ok()) EFS_RETURN_IF_ERROR(opened.value()->ChangeMode(permissions_));
  }
  EFS_ASSIGN_OR_RETURN(file_, std::move(opened));
  return {};
}

Status EmbeddedLeaseStore::Write(const LeaseRecord& record) {
  std::string text = FormatLeaseRecord(record);
  if (text.size() >= kRecordSize_bytes) return Status::Invalid("the lease record for " + path_ + " is too long");
  text.resize(kRecordSize_bytes - 1, ' ');
  text.push_back('\n');
  EFS_RETURN_IF_ERROR(file_->WriteAt(0, std::as_bytes(std::span(text))));
  seen_text_ = std::move(text);
  seen_ = record;
  return {};
}

Result<AcquireReply> EmbeddedLeaseStore::TryAcquire(const LeaseRecord& wanted, const Takeover&, Duration) {
  EFS_RETURN_IF_ERROR(Open());
  AcquireReply reply;
  EFS_ASSIGN_OR_RETURN(reply.next, IsMyTurn());
  bool locked = false;
  if (reply.next) {
    EFS_ASSIGN_OR_RETURN(locked, file_->TryLock(kHolderOffset, kLockLength));
  }
  if (std::string text = ReadText(*file_); text != seen_text_) {
    seen_ = ParseLeaseRecord(text);
    seen_text_ = std::move(text);
  }
  reply.record = seen_;
  if (!locked) {
    if (ticket_ == 0) EFS_RETURN_IF_ERROR(DrawTicket());
    return reply;
  }
  StopWaiting();
  Status written = file_ ? Write(wanted) : Status::IoError("cannot unlock " + path_);
  // A release that was recorded before must not show again while this tenure writes.
  if (written.ok()) written = file_->Flush();
  if (!written.ok()) {
    file_.reset();  // gives the lock back
    return written;
  }
  reply.acquired = true;
  return reply;
}

// Whether nobody waits with an earlier ticket, or with any, if the caller has none.
Result<bool> EmbeddedLeaseStore::IsMyTurn() {
  const uint64_t length = ticket_ == 0 ? kTicketsLength : ticket_;
  EFS_ASSIGN_OR_RETURN(const bool free, file_->TryLock(kTicketsOffset, length));
  if (free) EFS_RETURN_IF_ERROR(file_->Unlock(kTicketsOffset, length));
  return free;
}

// Takes the next ticket, unless another process is taking one at this moment: then the next attempt does.
Status EmbeddedLeaseStore::DrawTicket() {
  EFS_ASSIGN_OR_RETURN(const bool drawing, file_->TryLock(kDrawOffset, kLockLength));
  if (!drawing) return {};
  Status status = DrawTicketLocked();
  if (status.ok()) status = file_->Unlock(kDrawOffset, kLockLength);
  if (!status.ok()) {
    ticket_ = 0;
    file_.reset();  // gives all locks back
  }
  return status;
}

Status EmbeddedLeaseStore::DrawTicketLocked() {
  std::string digits(kTicketDigits, '0');
  EFS_ASSIGN_OR_RETURN(const size_t size, file_->ReadAt(kLastTicketOffset, std::as_writable_bytes(std::span(digits))));
  uint64_t ticket = 0;
  (void)std::from_chars(digits.data(), digits.data() + size, ticket);  // anything else: begin anew
  for (int i = 0; i < kMaxTicketsTried && ticket_ == 0; i++) {
    EFS_ASSIGN_OR_RETURN(const bool mine, file_->TryLock(kTicketsOffset + ++ticket, kLockLength));
    if (mine) ticket_ = ticket;
  }
  digits = std::to_string(ticket);
  digits.insert(0, kTicketDigits - std::min(kTicketDigits, digits.size()), '0');
  return file_->WriteAt(kLastTicketOffset, std::as_bytes(std::span(digits)));
}

void EmbeddedLeaseStore::StopWaiting() {
  if (ticket_ == 0) return;
  const uint64_t ticket = std::exchange(ticket_, 0);
  if (!file_->Unlock(kTicketsOffset + ticket, kLockLength).ok()) file_.reset();
}

Status EmbeddedLeaseStore::Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration) {
  if (!file_) return {};
  LeaseRecord record = mine;
  record.lock_id.clear();
  record.released = clean;
  Status status = Write(record);
  const Status unlocked = file_->Unlock(kHolderOffset, kLockLength);
  if (!unlocked.ok()) file_.reset();
  return status.ok() ? unlocked : status;
}

Result<bool> EmbeddedLeaseStore::IsLocked(FileSystem& files, const std::string& path) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kReadWrite));
  EFS_ASSIGN_OR_RETURN(const bool free, file->TryLock(kHolderOffset, kLockLength));
  return !free;
}

std::optional<LeaseRecord> EmbeddedLeaseStore::Peek(FileSystem& files, const std::string& path) {
  Result<std::unique_ptr<File>> file = files.Open(path, OpenMode::kRead);
  return file.ok() ? ParseLeaseRecord(ReadText(**file)) : std::nullopt;
}

}  // namespace sqlite_efs
