#ifndef SQLITE_EFS_LEASE_EMBEDDED_LEASE_STORE_H_
#define SQLITE_EFS_LEASE_EMBEDDED_LEASE_STORE_H_

#include <memory>
#include <string>

#include "lease/lease_store.h"
#include "os/file_system.h"

namespace sqlite_efs {

// The lease of one machine: an open-file-description lock on a small file that holds the record. The lock ends with the
// process, however that dies; the record then still names it, so that the next holder knows the tenure did not end in
// order. Waiters hold tickets, each a lock on a byte of its own, and are served in their order. Needs no
// configuration.
class EmbeddedLeaseStore final : public LeaseStore {
 public:
  // `path` is made, with `permissions`, by the first attempt; `files` must outlive the store. `present_path` is where
  // the file is now, if it is yet to be moved to `path`.
  EmbeddedLeaseStore(FileSystem& files, std::string path, uint32_t permissions, std::string present_path = "")
      : files_(files), path_(std::move(path)), permissions_(permissions), present_path_(std::move(present_path)) {}

  static constexpr const char* kName = "embedded";

  std::string name() const override { return kName; }
  // Another machine may join nothing: a record that its last holder had not synced is lost with it, a write that was
  // under way need not be.
  std::string release_name() const override { return ReleaseNameOn(files_); }
  static std::string ReleaseNameOn(FileSystem& files) { return std::string(kName) + " on " + files.Machine(); }
  bool expires() const override { return false; }
  Result<AcquireReply> TryAcquire(const LeaseRecord& wanted, const Takeover& takeover, Duration limit) override;
  Result<bool> Renew(const LeaseRecord&, Duration) override { return true; }
  std::optional<LeaseRecord> Peek() override { return Peek(files_, present_path_.empty() ? path_ : present_path_); }
  void StopWaiting() override;
  Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration limit) override;

  // The record as it stands, without taking the lease; nothing if there is none. For status reports.
  static std::optional<LeaseRecord> Peek(FileSystem& files, const std::string& path);

  // Whether a process holds the lease at present, which is tried out. Needs permission to write.
  static Result<bool> IsLocked(FileSystem& files, const std::string& path);

 private:
  Status Open();
  Result<bool> IsMyTurn();
  Status DrawTicket();
  Status DrawTicketLocked();
  Status Write(const LeaseRecord& record);

  FileSystem& files_;
  std::string path_;
  uint32_t permissions_;
  std::string present_path_;
  std::unique_ptr<File> file_;
  uint64_t ticket_ = 0;  // the place in the queue, locked; 0: none
  // The latest record that was read or written: who polls parses it once, and a lone writer never.
  std::string seen_text_;
  std::optional<LeaseRecord> seen_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_EMBEDDED_LEASE_STORE_H_
