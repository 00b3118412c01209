#ifndef SQLITE_EFS_STORE_DATABASE_H_
#define SQLITE_EFS_STORE_DATABASE_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/uuid.h"
#include "store/environment.h"
#include "store/live_database.h"
#include "store/progress.h"
#include "store/read_set.h"
#include "store/write_transaction.h"
#include "store/writer_gate.h"

namespace sqlite_efs {

class Database;

struct CheckpointReport {
  uint64_t segments = 0;  // merged into the base by this call
  uint64_t pages = 0;     // written to it
};

// What it takes to make a database of an empty file.
struct Creation {
  std::string id = NewUuid();
  std::unique_ptr<File> lock;    // the file itself, locked
  std::unique_ptr<Lease> lease;  // of the database to be; null: one that is part of the log, and has to wait for nobody
};

// A fixed, consistent view of the database. Taking one costs one look at the live segment and no lock; it stays valid
// until it is dropped, whatever others commit, unless its state is merged away (then reads say kConflict).
class Snapshot {
 public:
  // Whether there is no database yet: an empty file that becomes live with its first commit.
  bool is_new() const { return live_ == nullptr; }
  uint32_t page_size() const { return is_new() ? 0 : live_->page_size(); }
  uint32_t page_count() const { return page_count_; }
  const LogPosition& position() const { return position_; }

  // Copies out.size() bytes from `offset` of a page. Not for a new database.
  Status ReadPage(PageNumber page, size_t offset, MutableBytes out) const {
    return live_->ReadPage(position_, page, offset, out);
  }

 private:
  friend class Database;
  friend class Writer;
  std::shared_ptr<LiveDatabase> live_;
  LogPosition position_;
  uint32_t page_count_ = 0;
  Instant looked_;  // before the look that it was taken by
};

// The right to write, from Database::BeginWrite() until it is dropped. Not thread-safe; the Database must outlive it.
class Writer {
 public:
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Status WritePage(PageNumber page, Bytes content);
  // Copies out.size() bytes from `offset` of a page that was written by this transaction: false if it was not.
  Result<bool> ReadPage(PageNumber page, size_t offset, MutableBytes out) const;
  // See WriteTransaction::Commit(). On success `snapshot` receives the new state.
  Status Commit(uint32_t page_count, Snapshot* snapshot);

  // The state that the transaction changes: the newest.
  const Snapshot& from() const { return from_; }
  // How far its change counter is ahead of the one in the snapshot that BeginWrite() was given; 0: that is the newest.
  uint32_t counter_lead() const { return counter_lead_; }

 private:
  friend class Database;
  Writer(Database& database, const Snapshot& from) : database_(database), from_(from) {}

  Database& database_;
  Snapshot from_;
  uint32_t counter_lead_ = 0;
  bool committed_ = false;
  Creation creation_;  // while there is no database yet
  std::unique_ptr<WriteTransaction> transaction_;
};

// One database file as all connections of a process share it. Thread-safe.
class Database {
 public:
  using Owner = WriterGate::Owner;

  static constexpr Duration kDefaultTimeout = std::chrono::seconds(5);

  // `path` must exist. If it is empty and not live, it becomes a database with the first commit.
  // `timeout`: as of TakeSnapshot().
  static Result<std::shared_ptr<Database>> Open(const Environment& environment, const std::string& path,
                                                const StoreOptions& options, Duration timeout = kDefaultTimeout);
  ~Database();

  const std::string& path() const { return layout_.base(); }
  const StoreOptions& options() const { return options_; }
  Clock& clock() const { return environment_.clock; }

  // The newest committed state; with `as_of`, one that is known already will do if it has whatever was acknowledged
  // before that instant of clock(): that costs no look. If another process is creating the database at this moment,
  // waits for that up to `timeout`, then kBusy.
  Result<Snapshot> TakeSnapshot(Duration timeout = kDefaultTimeout, std::optional<Instant> as_of = {});

  // The newest state that this process knows of, without a look: others may have committed since.
  Result<Snapshot> LastSnapshot(Duration timeout = kDefaultTimeout);

  // Waits up to `timeout` for the right to write to `from`. kConflict if that is not the newest state: the caller must
  // take a new snapshot and may try again; its place in the queue and the lease are kept for a moment. But if `read` is
  // given, and the newest state differs in no page of it, and in page 1 by the change counter only, then the
  // transaction may go on from there: see Writer::from().
  Result<std::unique_ptr<Writer>> BeginWrite(const Snapshot& from, Owner owner, Duration timeout,
                                             const ReadSet* read = nullptr);

  // Gives up what BeginWrite() keeps for `owner`.
  void GiveUp(Owner owner);

  // Gives the lease back if it is held and no transaction uses it; whether there was one. When it returns, no other
  // thread is at it either. The tenure is over in any case; `failure`, if given, receives what went wrong with it.
  bool ReleaseLease(Status* failure = nullptr);

  // Merges all that is committed into the base; waits for the right to write, and for other mergers, up to `timeout`
  // altogether, then kBusy. Not while the caller has a Writer. Snapshots of older states may be told kConflict.
  Result<CheckpointReport> Checkpoint(Owner owner, Duration timeout, const Progress& progress);

  // See StoreOptions; for all connections of the process.
  std::atomic<uint32_t> autocheckpoint_frames;

  // A name for a connection, for BeginWrite().
  static Owner NewOwner();

  // What is open at present; null while there is no database. For reports.
  std::shared_ptr<LiveDatabase> live() const;
  // Whether there was one, and it was found to be gone.
  bool has_lost_log() const;

  Metrics& metrics() { return watch_->metrics; }

 private:
  friend class Writer;
  Database(const Environment& environment, const std::string& path, const StoreOptions& options)
      : autocheckpoint_frames(options.autocheckpoint_frames),
        environment_(environment),
        layout_(path),
        watch_(std::make_shared<Watch>(path)),
        options_(WithWatch(options, watch_)),
        gate_(environment.clock),
        conflict_alarm_(environment.new_alarm()),
        linger_alarm_(environment.new_alarm()) {}

  static StoreOptions WithWatch(StoreOptions options, std::shared_ptr<Watch> watch);
  Result<std::shared_ptr<LiveDatabase>> OpenLive(Duration timeout);
  Status WaitForCreator(Instant deadline) const;
  Result<Snapshot> TrySnapshot(Duration timeout, std::optional<Instant> as_of);
  static Snapshot Known(std::shared_ptr<LiveDatabase> live);
  Result<std::unique_ptr<Writer>> BeginInPlace(const Snapshot& from, const ReadSet* read, Instant deadline);
  Result<uint32_t> CounterLead(const Snapshot& from, const Snapshot& newest, const ReadSet* read) const;
  Result<LogPosition> BeginTenure(LiveDatabase& live, Instant last_look, Instant deadline);
  Result<Creation> BeginCreation(Instant deadline);
  Result<std::unique_ptr<File>> LockCreation(Instant deadline);
  Result<std::shared_ptr<LiveDatabase>> Create(Creation& creation, uint32_t page_size);
  Status SealAll(Owner owner, Duration timeout);
  void KeepPlace();
  void EndWrite();
  Status EndTenure();
  bool EndIdleTenure(bool kept, Status* failure);

  const Environment& environment_;
  const Layout layout_;
  const std::shared_ptr<Watch> watch_;
  const StoreOptions options_;
  WriterGate gate_;
  std::mutex opening_mutex_;  // one thread opens; taken before mutex_
  mutable std::mutex mutex_;
  std::shared_ptr<LiveDatabase> live_;  // guarded by mutex_
  std::atomic<bool> was_live_{false};
  std::mutex releasing_mutex_;             // held while a lease that nobody uses is given back; taken before the place
  std::unique_ptr<Alarm> conflict_alarm_;  // these last: their actions must not outlive the rest
  std::unique_ptr<Alarm> linger_alarm_;
};

// The databases that a process has open, so that all its connections to one file share one Database. Thread-safe. A
// child of fork() must not use its parent's.
class DatabaseRegistry {
 public:
  explicit DatabaseRegistry(const Environment& environment) : environment_(environment) {}

  // The Database of the file, which must exist; opened with `options` if it is not open yet. kInvalid if it is open
  // with a lease in another place; kStale if it was detached, by somebody who has not come to the end of it.
  Result<std::shared_ptr<Database>> Open(const std::string& path, const StoreOptions& options,
                                         Duration timeout = Database::kDefaultTimeout);

  // Releases all leases that no transaction uses; how many. `failure` receives what went wrong with one of them.
  int ReleaseLeases(Status* failure);

 private:
  using Key = std::pair<uint64_t, uint64_t>;  // device, inode

  const Environment& environment_;
  const std::shared_ptr<LeaseMemory> lease_memory_ = std::make_shared<LeaseMemory>();
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<Database>> databases_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_DATABASE_H_
