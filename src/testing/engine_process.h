#ifndef SQLITE_EFS_TESTING_ENGINE_PROCESS_H_
#define SQLITE_EFS_TESTING_ENGINE_PROCESS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/database.h"
#include "testing/live_test.h"

namespace sqlite_efs::testing {

// A process with an engine of its own, whose calls of the file system are scripted. What a database holds is SQLite's
// change counter: each commit adds 1. Merges only what it is told to.
class EngineProcess {
 public:
  static constexpr uint32_t kSegmentForEachCommit = 1;

  explicit EngineProcess(std::string path, uint32_t full_frames = 1000, FileSystem& real = PosixFileSystem())
      : files(real), path_(std::move(path)) {
    environment.merge.tick = std::chrono::milliseconds(10);  // of a local file system
    environment.merge.delay = std::chrono::hours(1);
    options.autocheckpoint_frames = full_frames;
  }

  // Opens the database unless it is open; the other functions do so by themselves.
  Status Open() {
    if (database_) return {};
    EFS_ASSIGN_OR_RETURN(database_, Database::Open(environment, path_, options));
    return {};
  }
  Result<uint32_t> Counter() {
    EFS_RETURN_IF_ERROR(Open());
    EFS_ASSIGN_OR_RETURN(const Snapshot snapshot, database_->TakeSnapshot());
    return CounterIn(snapshot);
  }
  Status Commit() { return CommitAndRead().status(); }
  // Commits; the counter as the transaction itself sees it then.
  Result<uint32_t> CommitAndRead() {
    EFS_ASSIGN_OR_RETURN(Transaction transaction, Begin());
    EFS_RETURN_IF_ERROR(transaction.writer->WritePage({1}, transaction.page_1));
    EFS_RETURN_IF_ERROR(transaction.writer->Commit(transaction.from.page_count(), &transaction.from));
    return CounterIn(transaction.from);
  }
  // Writes a page to the log ahead of a commit that then is not made.
  Status WriteAheadAndRollBack() {
    environment.spill_bytes = 1;
    EFS_ASSIGN_OR_RETURN(const Transaction transaction, Begin());
    EFS_RETURN_IF_ERROR(transaction.writer->WritePage({1}, transaction.page_1));
    return transaction.writer->WritePage({2}, transaction.page_1);
  }
  // Merges what is sealed.
  Status Merge() {
    EFS_RETURN_IF_ERROR(Counter().status());
    return database_->live()->merger().MergeAll(SystemClock().Now() + std::chrono::seconds(60), {});
  }
  SegmentNumber last_segment() const { return database_->live()->log().newest().segment; }

  ScriptedFileSystem files;
  Environment environment = EnvironmentOn(files);
  StoreOptions options;

 private:
  struct Transaction {
    Snapshot from;
    std::vector<std::byte> page_1;
    std::unique_ptr<Writer> writer;
  };
  static Result<uint32_t> CounterIn(const Snapshot& snapshot) {
    std::array<std::byte, 4> counter = {};
    EFS_RETURN_IF_ERROR(snapshot.ReadPage({1}, kChangeCounterOffset, counter));
    return ReadBigEndian32(counter.data());
  }
  Result<Transaction> Begin() {
    EFS_RETURN_IF_ERROR(Open());
    Transaction transaction;
    EFS_ASSIGN_OR_RETURN(transaction.from, database_->TakeSnapshot());
    transaction.page_1.resize(transaction.from.page_size());
    EFS_RETURN_IF_ERROR(transaction.from.ReadPage({1}, 0, transaction.page_1));
    std::byte* const counter = &transaction.page_1[kChangeCounterOffset];
    WriteBigEndian32(counter, ReadBigEndian32(counter) + 1);
    std::copy_n(counter, 4, &transaction.page_1[kVersionValidForOffset]);
    EFS_ASSIGN_OR_RETURN(transaction.writer,
                         database_->BeginWrite(transaction.from, Database::NewOwner(), std::chrono::seconds(5)));
    return transaction;
  }

  const std::string path_;
  std::shared_ptr<Database> database_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_ENGINE_PROCESS_H_
