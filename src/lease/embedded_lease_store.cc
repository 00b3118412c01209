#include "lease/embedded_lease_store.h"

#include <array>
#include <utility>

namespace sqlite_efs {
namespace {

// The record is padded to one size, so that a shorter one leaves nothing of a longer one behind.
constexpr size_t kRecordSize_bytes = 1024;
constexpr uint64_t kHolderOffset = 0;
constexpr uint64_t kNextOffset = 1;
constexpr uint64_t kLockLength = 1;

std::optional<LeaseRecord> ReadRecord(File& file) {
  std::array<std::byte, kRecordSize_bytes> buffer;
  const Result<size_t> size = file.ReadAt(0, buffer);
  if (!size.ok()) return std::nullopt;
  return ParseLeaseRecord({reinterpret_cast<const char*>(buffer.data()), *size});
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
  return file_->WriteAt(0, std::as_bytes(std::span(text)));
}

Result<AcquireReply> EmbeddedLeaseStore::TryAcquire(const LeaseRecord& wanted) {
  EFS_RETURN_IF_ERROR(Open());
  bool locked = false;
  if (!next_) {
    EFS_ASSIGN_OR_RETURN(next_, file_->TryLock(kNextOffset, kLockLength));
  }
  if (next_) {
    EFS_ASSIGN_OR_RETURN(locked, file_->TryLock(kHolderOffset, kLockLength));
  }
  AcquireReply reply;
  reply.next = next_;
  reply.record = ReadRecord(*file_);
  if (!locked) return reply;
  StopWaiting();
  const Status written = file_ ? Write(wanted) : Status::IoError("cannot unlock " + path_);
  if (!written.ok()) {
    file_.reset();  // gives the lock back
    return written;
  }
  reply.acquired = true;
  return reply;
}

void EmbeddedLeaseStore::StopWaiting() {
  if (!next_) return;
  next_ = false;
  if (!file_->Unlock(kNextOffset, kLockLength).ok()) file_.reset();
}

Status EmbeddedLeaseStore::Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean) {
  if (!file_) return {};
  LeaseRecord record = mine;
  record.lock_id.clear();
  record.released = clean;
  Status status = Write(record);
  const Status unlocked = file_->Unlock(kHolderOffset, kLockLength);
  if (!unlocked.ok()) file_.reset();
  return status.ok() ? unlocked : status;
}

std::optional<LeaseRecord> EmbeddedLeaseStore::Peek(FileSystem& files, const std::string& path) {
  Result<std::unique_ptr<File>> file = files.Open(path, OpenMode::kRead);
  return file.ok() ? ReadRecord(**file) : std::nullopt;
}

}  // namespace sqlite_efs
