#ifndef SQLITE_EFS_VFS_CONNECTION_H_
#define SQLITE_EFS_VFS_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>

#include "store/database.h"
#include "vfs/settings.h"
#include "vfs/sqlite.h"

namespace sqlite_efs {

// The message that refuses a change of the page size.
std::string PageSizeIsFixed(const std::string& path, uint32_t page_size);

// How often SQLite has slept in this thread through the VFS, as its busy handler does between two attempts.
uint64_t& SleepsOfThisThread();

// What one SQLite connection does with a live database: it translates SQLite's rollback-mode file operations into
// snapshots and transactions. The methods are those of sqlite3_io_methods, https://www.sqlite.org/c3ref/io_methods.html
// , and return SQLite result codes. SQLite calls them from one thread at a time.
class Connection {
 public:
  // `writable` says why the connection may not write, unless it may.
  Connection(std::shared_ptr<Database> database, const Settings& settings, Status writable);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int Read(MutableBytes out, uint64_t offset);
  int Write(Bytes data, uint64_t offset);
  int Truncate(uint64_t size);
  int FileSize(sqlite3_int64* size);
  // SQLITE_LOCK_SHARED pins a snapshot, SQLITE_LOCK_RESERVED obtains the right to write.
  int Lock(int level);
  int Unlock(int level);
  // SQLITE_FCNTL_SYNC: the commit, unless SQLite has just rolled the transaction back.
  int Sync();
  // SQLITE_FCNTL_PRAGMA
  int Pragma(char** arguments);

  const Database& database() const { return *database_; }
  // SQLite has opened the transaction's journal, which sets the flag that is returned when SQLite rolls back.
  bool* JournalOpened() {
    has_journal_ = true;
    return &rolling_back_;
  }
  // Whether this process is a child of the one that opened the connection, which then must not be used.
  bool is_inherited() const { return fork_generation_ != ForkGeneration(); }

 private:
  enum class WriteState {
    kClean,      // nothing written
    kWritten,    // pages written, to be committed or rolled back
    kCommitted,  // committed; nothing more may be written
    kDiscarded,  // the commit failed or was rolled back; what is written is of no account
  };

  Status EnsureView(Snapshot* temporary, const Snapshot** view);
  Status ReadPage(const Snapshot& view, PageNumber page, size_t offset, MutableBytes out);
  Status WritePage(PageNumber page, Bytes content);
  Status Commit();
  Result<bool> CounterRaised() const;
  void NoteCounter(uint64_t offset, Bytes read);
  uint32_t page_size() const { return page_size_; }
  bool HasWaited();
  int Refuse();
  int ReportRefusal(const Status& status, Instant begun, bool has_waited);
  int ReadError(const Status& status);
  std::optional<Instant> NeededAsOf();
  std::string StatusJson();
  int Autocheckpoint(char** arguments);
  int Checkpoint();
  int Prepare(char** arguments);

  std::shared_ptr<Database> database_;
  const Settings settings_;
  const Status writable_;
  const uint64_t fork_generation_ = ForkGeneration();
  const Database::Owner owner_ = Database::NewOwner();

  int level_ = SQLITE_LOCK_NONE;
  Snapshot snapshot_;        // while level_ >= SHARED
  bool must_look_ = false;   // what was known without a look did not do
  uint32_t page_size_ = 0;   // of the snapshot; of a new database, once it is known; otherwise 0
  uint32_t page_count_ = 0;  // of the file as SQLite sees it
  std::unique_ptr<Writer> writer_;
  // What SQLite may have in its own cache, which survives transactions: every page read or written since it last
  // emptied it.
  ReadSet read_;
  bool is_validated_ = false;     // SQLite has read the change counter since it took the SHARED lock
  uint32_t highest_counter_ = 0;  // that SQLite has read or written
  uint32_t counter_lead_ = 0;     // how far the snapshot's counter is ahead of the one that SQLite knows
  WriteState write_state_ = WriteState::kClean;
  bool has_journal_ = false;
  bool rolling_back_ = false;
  std::optional<uint32_t> written_counter_;  // of page 1 as SQLite wrote it last
  uint32_t written_page_count_ = 0;          // as page 1 states it; 0: not valid
  std::optional<Instant> last_timeout_;      // when the lock was last waited for in vain
  Instant next_attempt_;                     // of a repetition, not before it
  uint64_t sleeps_at_timeout_ = 0;           // SleepsOfThisThread() at that time
  bool sleeps_are_seen_ = false;             // the busy handler sleeps through the VFS
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_CONNECTION_H_
