#ifndef SQLITE_EFS_STORE_BASE_FILE_H_
#define SQLITE_EFS_STORE_BASE_FILE_H_

#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "os/clock.h"
#include "os/file_system.h"
#include "store/wal_format.h"

namespace sqlite_efs {

// Fields of the database header: https://www.sqlite.org/fileformat2.html#the_database_header
inline constexpr size_t kDatabaseHeaderSize = 100;
inline constexpr size_t kWriteVersionOffset = 18;
inline constexpr size_t kReadVersionOffset = 19;
inline constexpr size_t kChangeCounterOffset = 24;
inline constexpr size_t kPageCountOffset = 28;
inline constexpr size_t kVersionValidForOffset = 92;
inline constexpr size_t kLibraryVersionOffset = 96;  // of the SQLite that wrote page 1 last
inline constexpr std::byte kVersionRollback{1};
inline constexpr std::byte kVersionWal{2};

// SQLite's locking bytes, which an ordinary user of the file locks: https://www.sqlite.org/lockingv3.html
inline constexpr uint64_t kSqliteLockOffset = 0x40000000;
inline constexpr uint64_t kSqliteLockLength = 512;

// The page size that a database header states; 0 if it states none.
uint32_t PageSizeOf(Bytes header);

// The number of pages that the header states; 0 if that is not valid.
uint32_t PageCountOf(Bytes header);

// Pages of the base that lie side by side.
struct BasePages {
  PageNumber first;
  MutableBytes out;  // as many pages as it holds
  size_t found = 0;  // how many whole pages the file had there
};

// The base of a live database, open for reading. Thread-safe.
class BaseFile {
 public:
  // kNotDatabase, kCorrupt (truncated), kReadOnly (not permitted), each saying what to do.
  static Result<std::unique_ptr<BaseFile>> Open(FileSystem& files, const std::string& path);
  // The same; with the header it reads what a fresh process will most likely want next, for TakeHead().
  static Result<std::unique_ptr<BaseFile>> OpenAndRead(FileSystem& files, const std::string& path);

  uint32_t page_size() const { return page_size_; }
  File& file() { return *file_; }

  // Reads them all, together; zeros beyond the end of the file.
  Status ReadPages(std::span<BasePages> runs) const;
  Result<uint32_t> PageCount() const;

  // As the file was opened: how many pages it had, and its first ones, once. Not thread-safe.
  uint32_t opened_page_count() const { return opened_page_count_; }
  std::vector<std::byte> TakeHead() { return std::exchange(head_, {}); }

 private:
  explicit BaseFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  static Result<std::unique_ptr<BaseFile>> OpenWith(FileSystem& files, const std::string& path, bool reads_head);
  Status CheckHeader(const FileAttributes& attributes);

  std::unique_ptr<File> file_;
  uint32_t page_size_ = 0;
  uint32_t opened_page_count_ = 0;
  std::vector<std::byte> head_;
};

// Gives the base a time stamp that it had at no moment when it was being written to, waiting for the file server's
// clock to tick. Every host's system validates the pages that it has cached of the base by its attributes, and two
// changes within a tick look the same. The caller keeps others from writing. kIoError if that clock stands still.
Status StampBase(File& base, Clock& clock, Duration tick);

// Makes the header of a whole database that needs no recovery say WAL mode, durably. The caller holds the lock on
// SQLite's locking bytes through this very `base`. As after a commit, stock SQLite forgets what it has cached of the
// file.
Status SetWalMode(File& base);

// Makes the header say rollback mode, durably. The caller is the file's only user.
Status SetRollbackMode(File& base);

// The first page of an empty database with pages of that size, marked as being in WAL mode.
std::vector<std::byte> EmptyDatabasePage(uint32_t page_size);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_BASE_FILE_H_
