#include "vfs/journal_file.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "vfs/errors.h"

namespace sqlite_efs {
namespace {

constexpr sqlite3_int64 kMemory_bytes = sqlite3_int64{8} << 20;
constexpr sqlite3_int64 kChunk_bytes = sqlite3_int64{64} << 10;
constexpr sqlite3_int64 kSuperJournalTail = 16;
constexpr int kTemporaryFlags = SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                SQLITE_OPEN_EXCLUSIVE | SQLITE_OPEN_DELETEONCLOSE;

class Journal {
 public:
  Journal(sqlite3_vfs* stock, bool* rolling_back) : stock_(stock), rolling_back_(rolling_back) {}
  ~Journal() {
    if (overflow() != nullptr) overflow()->pMethods->xClose(overflow());
  }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  int Read(void* out, int size, sqlite3_int64 offset) {
    // A rollback, unlike a savepoint's, first looks for the name of a super-journal: its length stands 16 bytes before
    // the end. https://www.sqlite.org/fileformat2.html#the_rollback_journal
    if (size == 4 && offset == size_ - kSuperJournalTail) *rolling_back_ = true;
    if (overflow() != nullptr) return overflow()->pMethods->xRead(overflow(), out, size, offset);
    const sqlite3_int64 here = std::clamp<sqlite3_int64>(size_ - offset, 0, size);
    Copy(offset, here, [&](std::byte* chunk, sqlite3_int64 done, size_t n) {
      std::memcpy(static_cast<std::byte*>(out) + done, chunk, n);
    });
    if (here == size) return SQLITE_OK;
    std::memset(static_cast<std::byte*>(out) + here, 0, static_cast<size_t>(size - here));
    return SQLITE_IOERR_SHORT_READ;
  }

  int Write(const void* data, int size, sqlite3_int64 offset) {
    if (overflow() == nullptr && offset + size > kMemory_bytes) {
      const int rc = MoveToFile();
      if (rc != SQLITE_OK) return rc;
    }
    size_ = std::max(size_, offset + size);
    if (overflow() != nullptr) return overflow()->pMethods->xWrite(overflow(), data, size, offset);
    while (static_cast<sqlite3_int64>(chunks_.size()) * kChunk_bytes < offset + size) {
      chunks_.push_back(std::make_unique<std::byte[]>(kChunk_bytes));
    }
    Copy(offset, size, [&](std::byte* chunk, sqlite3_int64 done, size_t n) {
      std::memcpy(chunk, static_cast<const std::byte*>(data) + done, n);
    });
    return SQLITE_OK;
  }

  int Truncate(sqlite3_int64 size) {
    size_ = std::min(size_, size);
    if (overflow() != nullptr) return overflow()->pMethods->xTruncate(overflow(), size);
    chunks_.resize(static_cast<size_t>((size_ + kChunk_bytes - 1) / kChunk_bytes));
    const sqlite3_int64 rest = size_ % kChunk_bytes;  // what is cut off is zeros when it grows again
    if (rest != 0) std::fill(chunks_.back().get() + rest, chunks_.back().get() + kChunk_bytes, std::byte{0});
    return SQLITE_OK;
  }

  sqlite3_int64 size() const { return size_; }

 private:
  sqlite3_file* overflow() const { return reinterpret_cast<sqlite3_file*>(overflow_.get()); }

  // Calls `move` for each piece of [offset, offset + size) that lies in one chunk.
  template <typename Move>
  void Copy(sqlite3_int64 offset, sqlite3_int64 size, Move move) {
    for (sqlite3_int64 done = 0; done < size;) {
      const sqlite3_int64 at = (offset + done) % kChunk_bytes;
      const sqlite3_int64 n = std::min(size - done, kChunk_bytes - at);
      move(chunks_[static_cast<size_t>((offset + done) / kChunk_bytes)].get() + at, done, static_cast<size_t>(n));
      done += n;
    }
  }

  int MoveToFile() {
    std::unique_ptr<std::byte[]> memory(new std::byte[static_cast<size_t>(stock_->szOsFile)]());
    auto* const file = reinterpret_cast<sqlite3_file*>(memory.get());
    int rc = stock_->xOpen(stock_, nullptr, file, kTemporaryFlags, nullptr);
    if (rc != SQLITE_OK) {
      return Report(Status::CantOpen("cannot create a temporary file for the rollback journal of a large transaction; "
                                     "set SQLITE_TMPDIR to a writable directory"),
                    SQLITE_IOERR);
    }
    overflow_ = std::move(memory);
    for (sqlite3_int64 at = 0; at < size_ && rc == SQLITE_OK; at += kChunk_bytes) {
      const int n = static_cast<int>(std::min(size_ - at, kChunk_bytes));
      rc = file->pMethods->xWrite(file, chunks_[static_cast<size_t>(at / kChunk_bytes)].get(), n, at);
    }
    chunks_.clear();
    return rc;
  }

  sqlite3_vfs* stock_;
  bool* rolling_back_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  sqlite3_int64 size_ = 0;
  std::unique_ptr<std::byte[]> overflow_;  // a file of the stock VFS, open
};

struct JournalFile {
  sqlite3_file base;
  Journal* journal;
};

Journal& Of(sqlite3_file* file) { return *reinterpret_cast<JournalFile*>(file)->journal; }

int Close(sqlite3_file* file) {
  delete reinterpret_cast<JournalFile*>(file)->journal;
  return SQLITE_OK;
}
int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  return Guarded([&] { return Of(file).Read(out, size, offset); });
}
int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  return Guarded([&] { return Of(file).Write(data, size, offset); });
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Guarded([&] { return Of(file).Truncate(size); });
}
int Sync(sqlite3_file*, int) { return SQLITE_OK; }
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  *size = Of(file).size();
  return SQLITE_OK;
}
int Lock(sqlite3_file*, int) { return SQLITE_OK; }
int CheckReservedLock(sqlite3_file*, int* held) {
  *held = 0;
  return SQLITE_OK;
}
int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return 0; }
int DeviceCharacteristics(sqlite3_file*) { return 0; }

const sqlite3_io_methods kMethods = {1,
                                     &Close,
                                     &Read,
                                     &Write,
                                     &Truncate,
                                     &Sync,
                                     &FileSize,
                                     &Lock,
                                     &Lock,
                                     &CheckReservedLock,
                                     &FileControl,
                                     &SectorSize,
                                     &DeviceCharacteristics,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr};

}  // namespace

int JournalFileSize() { return sizeof(JournalFile); }

void OpenJournalFile(sqlite3_vfs* stock, sqlite3_file* file, bool* rolling_back) {
  auto* const journal = reinterpret_cast<JournalFile*>(file);
  journal->journal = new Journal(stock, rolling_back);
  journal->base.pMethods = &kMethods;
}

}  // namespace sqlite_efs
