#include "vfs/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "os/clock.h"
#include "vfs/errors.h"

namespace sqlite_efs {
namespace {

// A busy handler that calls again this soon continues a wait that has already ended at its timeout.
constexpr Duration kSameWait = std::chrono::milliseconds(250);

// Makes the part [offset, offset + size) of page 1 say what SQLite must see: rollback mode, whatever is on disk.
void PatchVersions(size_t offset, MutableBytes bytes) {
  for (size_t i = kWriteVersionOffset; i <= kWriteVersionOffset + 1; i++) {
    if (i >= offset && i < offset + bytes.size()) bytes[i - offset] = kVersionRollback;
  }
}

}  // namespace

std::string PageSizeIsFixed(const std::string& path, uint32_t page_size) {
  return "the page size of the live database " + path + " is " + std::to_string(page_size) +
         " bytes and cannot be changed: detach it, change it, and attach it again";
}

uint64_t& SleepsOfThisThread() {
  thread_local uint64_t sleeps = 0;
  return sleeps;
}

Connection::Connection(std::shared_ptr<Database> database, const Settings& settings, Status writable)
    : database_(std::move(database)), settings_(settings), writable_(std::move(writable)) {}

Connection::~Connection() {
  writer_.reset();
  database_->GiveUp(owner_);
}

// --- reading

// SQLite reads the header for the page size before it takes a lock, and checks it again once it has one.
Status Connection::EnsureView(Snapshot* temporary, const Snapshot** view) {
  *view = &snapshot_;
  if (level_ != SQLITE_LOCK_NONE) return {};
  EFS_ASSIGN_OR_RETURN(*temporary, database_->LastSnapshot(settings_.timeout));
  *view = temporary;
  return {};
}

int Connection::ReadError(const Status& status) {
  must_look_ = true;
  // BUSY in the middle of an UPDATE would undo nothing, and COMMIT would keep half of it.
  const bool writing = level_ >= SQLITE_LOCK_RESERVED;
  if (status.Is(StatusCode::kConflict) && !writing) {
    database_->metrics().Add(Count::kReadsOvertaken);
    return Report(status, SQLITE_BUSY_SNAPSHOT);
  }
  if (status.Is(StatusCode::kCorrupt) && !writing) return Report(status, SQLITE_CORRUPT);
  return Report(status, SQLITE_IOERR_READ);
}

int Connection::Read(MutableBytes out, uint64_t offset) {
  Snapshot temporary;
  const Snapshot* view = nullptr;
  const Status viewed = EnsureView(&temporary, &view);
  if (!viewed.ok()) return Report(viewed);
  const uint32_t size = level_ == SQLITE_LOCK_NONE ? view->page_size() : page_size_;
  const uint32_t count = level_ == SQLITE_LOCK_NONE ? view->page_count() : page_count_;
  const uint64_t end = uint64_t{size} * count;
  const size_t here = offset < end ? std::min<uint64_t>(out.size(), end - offset) : 0;
  for (size_t done = 0; done < here;) {
    const size_t in_page = (offset + done) % size;
    const size_t n = std::min<size_t>(here - done, size - in_page);
    const PageNumber page = {static_cast<uint32_t>((offset + done) / size + 1)};
    const Status status = ReadPage(*view, page, in_page, out.subspan(done, n));
    if (!status.ok()) return ReadError(status);
    if (page.value == 1) NoteCounter(offset, out.first(done + n));
    if (level_ != SQLITE_LOCK_NONE) read_.Add(page);
    done += n;
  }
  if (here == out.size()) return SQLITE_OK;
  std::fill(out.begin() + static_cast<ptrdiff_t>(here), out.end(), std::byte{0});
  return SQLITE_IOERR_SHORT_READ;
}

// SQLite keeps its cache from one transaction to the next if the counter is the one that it remembers. So one that is
// higher than all that it has ever seen makes it empty the cache.
void Connection::NoteCounter(uint64_t offset, Bytes read) {
  if (level_ == SQLITE_LOCK_NONE || offset > kChangeCounterOffset) return;
  const size_t at = kChangeCounterOffset - offset;
  if (read.size() < at + sizeof(uint32_t)) return;
  const uint32_t counter = ReadBigEndian32(&read[at]);
  if (!std::exchange(is_validated_, true) && counter > highest_counter_) read_.Clear();
  highest_counter_ = std::max(highest_counter_, counter);
}

Status Connection::ReadPage(const Snapshot& view, PageNumber page, size_t offset, MutableBytes out) {
  bool written = false;
  if (write_state_ == WriteState::kWritten) {
    EFS_ASSIGN_OR_RETURN(written, writer_->ReadPage(page, offset, out));
  }
  if (!written && page.value <= view.page_count()) {
    EFS_RETURN_IF_ERROR(view.ReadPage(page, offset, out));
  } else if (!written) {
    std::fill(out.begin(), out.end(), std::byte{0});
  }
  if (page.value == 1) PatchVersions(offset, out);
  return {};
}

int Connection::FileSize(sqlite3_int64* size) {
  Snapshot temporary;
  const Snapshot* view = nullptr;
  const Status viewed = EnsureView(&temporary, &view);
  if (!viewed.ok()) return Report(viewed);
  const bool locked = level_ != SQLITE_LOCK_NONE;
  *size = locked ? sqlite3_int64{page_size_} * page_count_ : sqlite3_int64{view->page_size()} * view->page_count();
  return SQLITE_OK;
}

// --- locking

// Whether SQLite's busy handler calls again, after a wait that ended at its timeout, or a new statement begins one. The
// handler sleeps in between; through another VFS, if the main database has one, which is not seen here.
bool Connection::HasWaited() {
  if (!last_timeout_ || database_->clock().Now() - *last_timeout_ >= kSameWait) return false;
  const bool slept = SleepsOfThisThread() != sleeps_at_timeout_;
  sleeps_are_seen_ = sleeps_are_seen_ || slept;
  return slept || !sleeps_are_seen_;
}

int Connection::Refuse() {
  last_timeout_ = database_->clock().Now();
  sleeps_at_timeout_ = SleepsOfThisThread();
  return SQLITE_BUSY;
}

// Of a lock that is not to be had, after an attempt that began at `begun`. What was reported when the wait ended says
// more than its repetitions. These take no longer than the busy handler sleeps: each may be a request without a reply.
int Connection::ReportRefusal(const Status& status, Instant begun, bool has_waited) {
  must_look_ = true;
  if (!status.Is(StatusCode::kBusy)) return Report(status);
  const int refused = Refuse();
  next_attempt_ = *last_timeout_ + (has_waited ? *last_timeout_ - begun : Duration::zero());
  return has_waited ? refused : Report(status);
}

std::optional<Instant> Connection::NeededAsOf() {
  if (std::exchange(must_look_, false)) return std::nullopt;
  return sqlite_efs::NeededAsOf(settings_.freshness, database_->clock());
}

int Connection::Lock(int level) {
  if (level_ == SQLITE_LOCK_NONE && level >= SQLITE_LOCK_SHARED) {
    const bool has_waited = HasWaited();
    const Instant begun = database_->clock().Now();
    Result<Snapshot> snapshot =
        database_->TakeSnapshot(has_waited ? Duration::zero() : settings_.timeout, NeededAsOf());
    if (!snapshot.ok()) return ReportRefusal(snapshot.status(), begun, has_waited);
    database_->metrics().Add(Count::kReadTransactions);
    database_->metrics().Record(Time::kReadBegin, database_->clock().Now() - begun);
    snapshot_ = std::move(*snapshot);
    page_size_ = snapshot_.page_size();
    page_count_ = snapshot_.page_count();
    counter_lead_ = 0;
    is_validated_ = false;
    level_ = SQLITE_LOCK_SHARED;
  }
  if (level >= SQLITE_LOCK_RESERVED && !writer_) {
    if (!writable_.ok()) return Report(writable_);
    const bool has_waited = HasWaited();
    const Instant begun = database_->clock().Now();
    if (has_waited && begun < next_attempt_) return Refuse();
    Result<std::unique_ptr<Writer>> writer =
        database_->BeginWrite(snapshot_, owner_, has_waited ? Duration::zero() : settings_.timeout, &read_);
    if (!writer.ok()) return ReportRefusal(writer.status(), begun, has_waited);
    last_timeout_.reset();
    writer_ = std::move(*writer);
    // Nothing that SQLite has read differs there; what it reads from now on comes from there.
    if (writer_->counter_lead() != 0) snapshot_ = writer_->from();
    counter_lead_ += writer_->counter_lead();
    write_state_ = WriteState::kClean;
    rolling_back_ = false;
    has_journal_ = false;
    written_counter_.reset();
  }
  level_ = std::max(level_, level);
  return SQLITE_OK;
}

int Connection::Unlock(int level) {
  if (level <= SQLITE_LOCK_SHARED && writer_) {
    writer_.reset();
    write_state_ = WriteState::kClean;
    page_size_ = snapshot_.page_size();
    page_count_ = snapshot_.page_count();
  }
  if (level == SQLITE_LOCK_NONE) snapshot_ = {};
  level_ = std::min(level_, level);
  return SQLITE_OK;
}

// --- writing

int Connection::Write(Bytes data, uint64_t offset) {
  if (!writer_)
    return Report(Status::IoError("a write to " + database_->path() + " without a lock"), SQLITE_IOERR_WRITE);
  if (write_state_ == WriteState::kCommitted) {
    return Report(Status::IoError("the transaction on " + database_->path() +
                                  " is committed already; it can neither be rolled back (another file of the same "
                                  "transaction failed after it) nor go on (PRAGMA locking_mode=EXCLUSIVE)"),
                  SQLITE_IOERR_WRITE);
  }
  if (page_size_ == 0 && IsPageSize(data.size())) page_size_ = static_cast<uint32_t>(data.size());
  if (page_size_ == 0 || data.size() != page_size_ || offset % page_size_ != 0) {
    return Report(Status::IoError(PageSizeIsFixed(database_->path(), page_size_)), SQLITE_IOERR_WRITE);
  }
  const Status status = WritePage({static_cast<uint32_t>(offset / page_size_ + 1)}, data);
  if (status.ok() || status.Is(StatusCode::kFull)) return Report(status);
  return Report(status, SQLITE_IOERR_WRITE);
}

Status Connection::WritePage(PageNumber page, Bytes content) {
  if (write_state_ == WriteState::kClean) write_state_ = WriteState::kWritten;
  // While it rolls back, SQLite puts the old pages back; they are in place.
  if (rolling_back_) write_state_ = WriteState::kDiscarded;
  page_count_ = std::max(page_count_, page.value);
  if (write_state_ == WriteState::kDiscarded) return {};
  read_.Add(page);
  if (page.value != 1) return writer_->WritePage(page, content);
  if (PageSizeOf(content) != page_size_) return Status::IoError(PageSizeIsFixed(database_->path(), page_size_));
  written_counter_ = ReadBigEndian32(&content[kChangeCounterOffset]);
  written_page_count_ = PageCountOf(content);
  std::vector<std::byte> image(content.begin(), content.end());
  if (image[kWriteVersionOffset] != kVersionRollback) {
    // A backup copied this page from a database in WAL mode into SQLite's cache. A counter that SQLite does not expect
    // makes it read the page anew, as one in rollback mode.
    (*written_counter_)++;
  }
  highest_counter_ = std::max(highest_counter_, *written_counter_);
  if (const uint32_t counter = *written_counter_ + counter_lead_;
      counter != ReadBigEndian32(&content[kChangeCounterOffset])) {
    WriteBigEndian32(&image[kChangeCounterOffset], counter);
    WriteBigEndian32(&image[kVersionValidForOffset], counter);
  }
  image[kWriteVersionOffset] = image[kWriteVersionOffset + 1] = kVersionWal;
  return writer_->WritePage(page, image);
}

int Connection::Truncate(uint64_t size) {
  if (page_size_ != 0 && write_state_ != WriteState::kCommitted) page_count_ = static_cast<uint32_t>(size / page_size_);
  return SQLITE_OK;
}

// Whether SQLite wrote page 1 with another change counter than the one that it had read.
Result<bool> Connection::CounterRaised() const {
  if (!written_counter_) return false;
  if (snapshot_.is_new()) return *written_counter_ != 0;
  std::array<std::byte, 4> before;
  EFS_RETURN_IF_ERROR(snapshot_.ReadPage({1}, kChangeCounterOffset, before));
  return ReadBigEndian32(before.data()) - counter_lead_ != *written_counter_;
}

int Connection::Sync() {
  if (!writer_ || write_state_ != WriteState::kWritten) return SQLITE_OK;
  write_state_ = WriteState::kDiscarded;
  if (rolling_back_) return SQLITE_OK;
  const Result<bool> raised = CounterRaised();
  if (!raised.ok()) return Report(raised.status(), SQLITE_IOERR);
  if (!*raised) {
    // The end of a rollback, if SQLite keeps the journal itself (journal_mode MEMORY, set through another database).
    if (!has_journal_) return SQLITE_OK;
    // Others would not see a change that the counter does not tell them of.
    return Report(Status::IoError("a transaction on " + database_->path() +
                                  " did not raise the change counter of the file; nothing of it was saved"),
                  SQLITE_IOERR);
  }
  const Status status = Commit();
  if (status.ok()) write_state_ = WriteState::kCommitted;
  // Not BUSY: COMMIT would leave the transaction open.
  if (status.ok() || status.Is(StatusCode::kFull)) return Report(status);
  return Report(status, status.Is(StatusCode::kUnknownOutcome) ? SQLITE_IOERR_FSYNC : SQLITE_IOERR);
}

Status Connection::Commit() {
  const uint32_t page_count = written_page_count_ != 0 ? written_page_count_ : page_count_;
  EFS_RETURN_IF_ERROR(writer_->Commit(page_count, &snapshot_));
  page_count_ = page_count;
  return {};
}

}  // namespace sqlite_efs
