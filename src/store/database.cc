#include "store/database.h"

#include <vector>

#include "store/attach.h"
#include "store/generations.h"

namespace sqlite_efs {
namespace {

// How long a connection's place is kept after kConflict: SQLite's busy handler sleeps at most 0.1 s between attempts.
constexpr Duration kConflictGrace = std::chrono::milliseconds(120);
constexpr Duration kCreationPoll = std::chrono::milliseconds(2);
constexpr int kMaxOpenAttempts = 5;
// For which a segment that was seen live is taken to be so by the holder of the lease.
constexpr Duration kRecentLook = std::chrono::milliseconds(100);
// Frames of a full segment where merging is left to a checkpoint.
constexpr uint32_t kFullFrames = 1000;
// A change counter that is further ahead is behind: it went back, and proves nothing.
constexpr uint32_t kMaxCounterLead = uint32_t{1} << 31;

Status Superseded(const std::string& path) {
  return Status::Conflict("database is locked: " + path +
                          " was changed by another writer since this transaction began to read; run it again");
}

// What was opened or followed has been merged, detached or replaced meanwhile: to be looked up anew.
bool HasMoved(const Status& status) { return status.Is(StatusCode::kStale) || status.Is(StatusCode::kNotFound); }

// Two connections with different leases would not wait for each other.
Status CheckSameLease(const Database& open, const StoreOptions& options) {
  const auto in_words = [](const std::string& table) { return table.empty() ? "none" : table; };
  if (open.options().lease.dynamodb_table == options.lease.dynamodb_table) return {};
  return Status::Invalid(open.path() + " is open in this process with another lease: lock_dynamodb_table was " +
                         in_words(open.options().lease.dynamodb_table) + ", and now it is " +
                         in_words(options.lease.dynamodb_table) + "; say the same for all connections");
}

}  // namespace

// --- Writer

Writer::~Writer() {
  if (transaction_) database_.watch_->metrics.Add(Count::kFramesWritten, transaction_->frames_written());
  transaction_.reset();
  creation_.lock.reset();
  if (creation_.lease) (void)creation_.lease->Discard();
  database_.EndWrite();
  if (committed_ && database_.autocheckpoint_frames != 0) from_.live_->merger().MergeWhatIsDue();
}

Status Writer::WritePage(PageNumber page, Bytes content) {
  if (!transaction_) {
    assert(from_.is_new());
    EFS_ASSIGN_OR_RETURN(const std::shared_ptr<LiveDatabase> live,
                         database_.Create(creation_, static_cast<uint32_t>(content.size())));
    transaction_ = std::make_unique<WriteTransaction>(database_.environment_, *live, live->log().newest());
    from_.live_ = live;
  }
  return transaction_->WritePage(page, content);
}

Result<bool> Writer::ReadPage(PageNumber page, size_t offset, MutableBytes out) const {
  return transaction_ ? transaction_->ReadPage(page, offset, out) : Result<bool>(false);
}

Status Writer::Commit(uint32_t page_count, Snapshot* snapshot) {
  assert(transaction_);
  Clock& clock = database_.clock();
  Watch& watch = *database_.watch_;
  const Timed commit(clock, watch.metrics, Time::kCommit);
  const Status status = transaction_->Commit(page_count);
  if (!status.ok()) {
    const bool unknown = status.Is(StatusCode::kUnknownOutcome);
    watch.metrics.Add(unknown ? Count::kCommitsUnknown : Count::kCommitsRefused);
    watch.Tell(clock, unknown ? "commit_unknown" : "commit_refused", {{"took_us", Microseconds(commit.elapsed())}});
    return status;
  }
  watch.metrics.Add(Count::kCommits);
  committed_ = true;
  snapshot->live_ = from_.live_;
  snapshot->position_ = transaction_->position();
  snapshot->page_count_ = page_count;
  return {};
}

// --- Database

Result<std::shared_ptr<Database>> Database::Open(const Environment& environment, const std::string& path,
                                                 const StoreOptions& options, Duration timeout) {
  std::shared_ptr<Database> database(new Database(environment, path, options));
  EFS_ASSIGN_OR_RETURN(const Snapshot snapshot, database->TakeSnapshot(timeout, environment.clock.Now()));
  (void)snapshot;
  return database;
}

Database::~Database() {
  conflict_alarm_.reset();
  linger_alarm_.reset();
  ReleaseLease();
}

Database::Owner Database::NewOwner() {
  static std::atomic<Owner> last{0};
  return ++last;
}

std::shared_ptr<LiveDatabase> Database::live() const {
  const std::lock_guard lock(mutex_);
  return live_;
}

bool Database::has_lost_log() const {
  const std::lock_guard lock(mutex_);
  return was_live_ && !live_;
}

StoreOptions Database::WithWatch(StoreOptions options, std::shared_ptr<Watch> watch) {
  options.lease.watch = std::move(watch);
  return options;
}

// The open parts of the database; null if there is none yet.
Result<std::shared_ptr<LiveDatabase>> Database::OpenLive(Duration timeout) {
  if (std::shared_ptr<LiveDatabase> open = live()) return open;
  const Instant deadline = environment_.clock.Now() + timeout;
  const std::lock_guard opening(opening_mutex_);
  if (std::shared_ptr<LiveDatabase> open = live()) return open;
  if (!IsLive(environment_.files, path())) {
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, environment_.files.Open(path(), OpenMode::kRead));
    EFS_ASSIGN_OR_RETURN(const FileAttributes base, file->Look());
    if (base.size == 0 && !was_live_) return std::shared_ptr<LiveDatabase>();
    if (was_live_) return Status::CantOpen(path() + " is not live any more: it was detached; open it anew");
    EFS_RETURN_IF_ERROR(WaitForCreator(deadline));
  }
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<LiveDatabase> opened, LiveDatabase::Open(environment_, layout_, options_));
  const std::lock_guard lock(mutex_);
  if (!live_) live_ = std::move(opened);  // unless a creator was faster, who writes to his own
  was_live_ = true;
  return live_;
}

// The file was empty, and has its first page now: whoever creates the database is about to make it live.
Status Database::WaitForCreator(Instant deadline) const {
  while (!IsLive(environment_.files, path())) {
    if (environment_.clock.Now() >= deadline) {
      return Status::Busy("database is locked: another program has begun to create " + path() +
                          " and has not made it live within the timeout; try again, or raise timeout, or, if that "
                          "program has died, close the database and open it anew");
    }
    environment_.clock.Sleep(kCreationPoll);
  }
  return {};
}

Snapshot Database::Known(std::shared_ptr<LiveDatabase> live) {
  Snapshot snapshot;
  snapshot.live_ = std::move(live);
  snapshot.looked_ = snapshot.live_->log().as_of();  // before the position is taken, which may be newer
  snapshot.position_ = snapshot.live_->log().newest();
  snapshot.page_count_ = snapshot.position_.page_count;
  return snapshot;
}

Result<Snapshot> Database::TrySnapshot(Duration timeout, std::optional<Instant> as_of) {
  Snapshot snapshot;
  EFS_ASSIGN_OR_RETURN(snapshot.live_, OpenLive(timeout));
  if (snapshot.is_new()) return snapshot;
  if (as_of && snapshot.live_->log().as_of() >= *as_of) return Known(snapshot.live_);
  snapshot.looked_ = environment_.clock.Now();
  Result<LogPosition> newest = snapshot.live_->log().Refresh();
  if (!newest.ok()) {
    const Status& status = newest.status();
    // Not found: a detach has just moved the log away.
    const bool gone =
        status.Is(StatusCode::kStale) || (status.Is(StatusCode::kNotFound) && !IsLive(environment_.files, path()));
    const std::lock_guard lock(mutex_);
    if (gone && live_ == snapshot.live_) live_.reset();
    return status;
  }
  snapshot.position_ = *newest;
  snapshot.page_count_ = newest->page_count;
  return snapshot;
}

Result<Snapshot> Database::LastSnapshot(Duration timeout) {
  std::shared_ptr<LiveDatabase> open = live();
  return open ? Known(std::move(open)) : TakeSnapshot(timeout);
}

Result<Snapshot> Database::TakeSnapshot(Duration timeout, std::optional<Instant> as_of) {
  // Segments may be removed between the listing and the opening of one; then a new listing tells what there is.
  for (int i = 1;; i++) {
    Result<Snapshot> snapshot = TrySnapshot(timeout, as_of);
    if (!HasMoved(snapshot.status()) || i == kMaxOpenAttempts) return snapshot;
    (void)LookUpAnew(environment_.files, path());
  }
}

Result<std::unique_ptr<Writer>> Database::BeginWrite(const Snapshot& from, Owner owner, Duration timeout,
                                                     const ReadSet* read) {
  const Instant deadline = environment_.clock.Now() + timeout;
  bool was_kept = false;
  if (!gate_.Enter(owner, timeout, &was_kept)) {
    return Status::Busy("database is locked: " + path() +
                        " is being written by another connection of this process and was not free within the timeout; "
                        "try again, or raise timeout");
  }
  if (was_kept) conflict_alarm_->Cancel();
  Result<std::unique_ptr<Writer>> writer = BeginInPlace(from, read, deadline);
  if (writer.ok()) {
    watch_->metrics.Add(Count::kWriteTransactions);
    return writer;
  }
  if (writer.status().Is(StatusCode::kConflict)) {
    watch_->metrics.Add(Count::kConflicts);
    watch_->Tell(clock(), "conflict");
    KeepPlace();
  } else {
    EndWrite();
  }
  return writer;
}

// The caller has the writer's place, and keeps it whatever is returned.
Result<std::unique_ptr<Writer>> Database::BeginInPlace(const Snapshot& from, const ReadSet* read, Instant deadline) {
  EFS_ASSIGN_OR_RETURN(const std::shared_ptr<LiveDatabase> live, OpenLive(deadline - environment_.clock.Now()));
  if (live != from.live_) return Superseded(path());
  if (!live) {
    EFS_ASSIGN_OR_RETURN(Creation creation, BeginCreation(deadline));
    std::unique_ptr<Writer> writer(new Writer(*this, from));
    writer->creation_ = std::move(creation);
    return writer;
  }
  Result<LogPosition> newest = BeginTenure(*live, from.looked_, deadline);
  const uint32_t full_frames = autocheckpoint_frames != 0 ? autocheckpoint_frames.load() : kFullFrames;
  if (newest.ok() && live->SegmentIsFull(full_frames)) {
    const Status begun = live->BeginEmptySegment(deadline);
    newest = begun.ok() ? Result<LogPosition>(live->log().newest()) : Result<LogPosition>(begun);
  }
  if (newest.status().Is(StatusCode::kStale)) return Superseded(path());
  if (!newest.ok()) return newest.status();
  Snapshot base = from;
  uint32_t counter_lead = 0;
  if (!live->log().SameState(*newest, from.position_)) {
    base.position_ = *newest;
    base.page_count_ = newest->page_count;
    EFS_ASSIGN_OR_RETURN(counter_lead, CounterLead(from, base, read));
    watch_->metrics.Add(Count::kUpgrades);
  }
  std::unique_ptr<Writer> writer(new Writer(*this, base));
  writer->counter_lead_ = counter_lead;
  writer->transaction_ = std::make_unique<WriteTransaction>(environment_, *live, *newest);
  return writer;
}

// How far the change counter has gone ahead, if a transaction that has read `read` from an older state may go on from
// the newest; else kConflict.
Result<uint32_t> Database::CounterLead(const Snapshot& from, const Snapshot& newest, const ReadSet* read) const {
  if (read == nullptr || read->empty() || from.page_count_ != newest.page_count_) return Superseded(path());
  if (!from.live_->log().Unchanged(*read, from.position_, newest.position_)) return Superseded(path());
  std::vector<std::byte> before(from.page_size());
  std::vector<std::byte> after(from.page_size());
  const bool known = from.ReadPage({1}, 0, before).ok() && newest.ReadPage({1}, 0, after).ok();
  const uint32_t lead = ReadBigEndian32(&after[kChangeCounterOffset]) - ReadBigEndian32(&before[kChangeCounterOffset]);
  for (const size_t field : {kChangeCounterOffset, kVersionValidForOffset, kLibraryVersionOffset}) {
    std::copy_n(&after[field], 4, &before[field]);
  }
  if (!known || before != after || lead == 0 || lead > kMaxCounterLead) return Superseded(path());
  return lead;
}

// Takes the lease and a segment to write to, unless they are kept from before; returns the newest state. A lease that
// is kept may have been lost all the same. That shows in a look, or else when the commit is refused: so a look at
// `last_look` will do if that is not long ago.
Result<LogPosition> Database::BeginTenure(LiveDatabase& live, Instant last_look, Instant deadline) {
  if (live.holds_lease()) {
    LogPosition newest = live.log().newest();
    const bool looked = environment_.clock.Now() - last_look < kRecentLook;
    if (!looked || newest.segment != live.tenure().segment->number()) {
      EFS_ASSIGN_OR_RETURN(newest, live.log().Refresh());
    }
    if (newest.segment == live.tenure().segment->number()) return newest;
    live.TenureBroken();  // another writer has sealed the segment
  }
  (void)live.EndTenure();  // also one whose lease was lost; a failure shows when the lease is taken
  return live.BeginTenure(deadline);
}

// What has to be waited for is waited for now: in the middle of a commit SQLite takes it for a fault of the disk.
Result<Creation> Database::BeginCreation(Instant deadline) {
  Creation creation;
  EFS_ASSIGN_OR_RETURN(creation.lock, LockCreation(deadline));
  std::unique_ptr<Lease> lease = NewLease(environment_, options_.lease, layout_, layout_, 0, creation.id);
  if (!lease->expires()) return creation;
  EFS_RETURN_IF_ERROR(lease->Acquire(deadline).status());
  creation.lease = std::move(lease);
  return creation;
}

// Locks the empty file against everybody else who would make a database of it, stock SQLite included.
Result<std::unique_ptr<File>> Database::LockCreation(Instant deadline) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, environment_.files.Open(path(), OpenMode::kReadWrite));
  while (true) {
    EFS_ASSIGN_OR_RETURN(const bool locked, file->TryLock(kSqliteLockOffset, kSqliteLockLength));
    if (locked) break;
    if (environment_.clock.Now() >= deadline) {
      return Status::Busy("database is locked: another program is creating " + path() +
                          " and was not done within the timeout; try again, or raise timeout");
    }
    environment_.clock.Sleep(kCreationPoll);
  }
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, file->Look());
  if (attributes.size != 0 || IsLive(environment_.files, path())) return Superseded(path());
  return file;
}

// Makes the empty file an empty live database, of which this process is the first writer.
Result<std::shared_ptr<LiveDatabase>> Database::Create(Creation& creation, uint32_t page_size) {
  if (!IsPageSize(page_size)) return Status::Invalid(path() + ": a page size of " + std::to_string(page_size));
  std::unique_ptr<Lease> embedded;  // a file of the log directory, which nobody else knows of yet
  std::unique_ptr<Lease>& lease = creation.lease ? creation.lease : embedded;
  const auto take_lease = [&](const Layout& prepared) -> Status {
    if (lease) return {};
    EFS_ASSIGN_OR_RETURN(const FileAttributes file, environment_.files.Stat(prepared.lease()));
    lease = NewLease(environment_, options_.lease, layout_, prepared, file.mode, creation.id);
    return lease->Acquire(environment_.clock.Now()).status();
  };
  EFS_ASSIGN_OR_RETURN(const FileAttributes written,
                       CreateDatabase(environment_.files, *creation.lock, layout_, page_size, take_lease, creation.id));
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<LiveDatabase> live,
                       LiveDatabase::Open(environment_, layout_, options_, std::move(lease)));
  EFS_RETURN_IF_ERROR(live->AdoptFirstSegment());
  // Stopped before the rename, and the lock lost: others may have filled the file, and made it ordinary again.
  EFS_ASSIGN_OR_RETURN(const FileAttributes found, creation.lock->Look());
  if (found != written) return Superseded(path());
  watch_->Tell(clock(), "attach");
  const std::lock_guard lock(mutex_);
  live_ = live;
  was_live_ = true;
  return live;
}

Result<CheckpointReport> Database::Checkpoint(Owner owner, Duration timeout, const Progress& progress) {
  const Instant deadline = environment_.clock.Now() + timeout;
  // While it waits for the lease, others may merge more than it has followed.
  for (int i = 1;; i++) {
    EFS_RETURN_IF_ERROR(TakeSnapshot(deadline - environment_.clock.Now()).status());
    const Status sealed = SealAll(owner, deadline - environment_.clock.Now());
    if (sealed.ok()) break;
    if (!HasMoved(sealed) || i == kMaxOpenAttempts) return sealed;
  }
  const std::shared_ptr<LiveDatabase> open = live();
  if (!open) return CheckpointReport{};
  const MergeCounters before = open->merger().counters();
  EFS_RETURN_IF_ERROR(open->merger().MergeAll(deadline, progress));
  const MergeCounters after = open->merger().counters();
  return CheckpointReport{after.segments - before.segments, after.pages - before.pages};
}

// Puts all that is committed into sealed segments.
Status Database::SealAll(Owner owner, Duration timeout) {
  const Instant deadline = environment_.clock.Now() + timeout;
  bool was_kept = false;
  if (!gate_.Enter(owner, timeout, &was_kept)) {
    return Status::Busy("database is locked: " + path() + " is being written by another connection of this process");
  }
  if (was_kept) conflict_alarm_->Cancel();
  const std::shared_ptr<LiveDatabase> open = live();
  Status status = open ? BeginTenure(*open, {}, deadline).status() : Status();
  if (status.ok() && open) status = open->BeginEmptySegment(deadline);
  EndWrite();
  return status;
}

// After a conflict the caller will most likely be back at once, with a new snapshot: nobody should overtake it.
void Database::KeepPlace() {
  gate_.Keep();
  conflict_alarm_->Set(kConflictGrace, [this] {
    const std::lock_guard lock(releasing_mutex_);
    GiveUp(0);
  });
}

void Database::GiveUp(Owner owner) {
  if (gate_.EndKeep(owner)) (void)EndTenure();
}

bool Database::ReleaseLease(Status* failure) { return EndIdleTenure(true, failure); }

// Ends the tenure if nobody writes or waits for it; `kept`: also one that is kept for a connection.
bool Database::EndIdleTenure(bool kept, Status* failure) {
  const std::lock_guard lock(releasing_mutex_);
  const std::shared_ptr<LiveDatabase> open = live();
  if (!open || !((kept && gate_.EndKeep(0)) || (open->in_tenure() && gate_.EnterIfIdle()))) return false;
  const bool in_tenure = open->in_tenure();
  const Status ended = EndTenure();
  if (!ended.ok() && failure != nullptr) {
    *failure = {ended.code(), "the lease of " + path() +
                                  " could not be given back in order, so that others may have to " +
                                  "wait for its end: " + ended.message()};
  }
  return in_tenure;
}

// The caller has the writer's place, and gives it up; the lease stays for a moment if it is one that is kept.
void Database::EndWrite() {
  const std::shared_ptr<LiveDatabase> open = live();
  const Duration linger = open ? open->Linger() : Duration::zero();
  if (linger == Duration::zero()) return (void)EndTenure();
  gate_.Leave();
  // Only now: the alarm finds the place idle, or somebody in it who will set it anew.
  linger_alarm_->Set(linger, [this] { EndIdleTenure(false, nullptr); });
}

// The caller has the writer's place, and gives it up together with the lease. One that cannot be given back in order is
// none that can be joined: the next writer seals.
Status Database::EndTenure() {
  const std::shared_ptr<LiveDatabase> open = live();
  Status ended = open ? open->EndTenure() : Status();
  gate_.Leave();
  return ended;
}

// --- DatabaseRegistry

Result<std::shared_ptr<Database>> DatabaseRegistry::Open(const std::string& path, const StoreOptions& options,
                                                         Duration timeout) {
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, environment_.files.Stat(path));
  const std::lock_guard lock(mutex_);
  std::weak_ptr<Database>& entry = databases_[{file.device, file.inode}];
  if (std::shared_ptr<Database> open = entry.lock()) {
    // An inode is used again once its file is deleted.
    const Result<FileAttributes> same = environment_.files.Stat(open->path());
    if (same.ok() && same->device == file.device && same->inode == file.inode) {
      EFS_RETURN_IF_ERROR(CheckSameLease(*open, options));
      // Told now, whoever opens it can finish a detach that was broken off.
      if (open->has_lost_log()) EFS_RETURN_IF_ERROR(open->TakeSnapshot(timeout).status());
      return open;
    }
  }
  StoreOptions own = options;
  own.lease.memory = lease_memory_;
  EFS_ASSIGN_OR_RETURN(std::shared_ptr<Database> database, Database::Open(environment_, path, own, timeout));
  entry = database;
  return database;
}

int DatabaseRegistry::ReleaseLeases(Status* failure) {
  std::vector<std::shared_ptr<Database>> open;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, database] : databases_) {
      if (std::shared_ptr<Database> strong = database.lock()) open.push_back(std::move(strong));
    }
  }
  int released = 0;
  for (const std::shared_ptr<Database>& database : open) released += database->ReleaseLease(failure) ? 1 : 0;
  return released;
}

}  // namespace sqlite_efs
