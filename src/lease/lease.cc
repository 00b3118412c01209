#include "lease/lease.h"

#include <algorithm>
#include <utility>

#include "lease/lease_text.h"
#include "lease/pace.h"

namespace sqlite_efs {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// An attempt at an embedded store costs some system calls, one at a service a round trip and money.
constexpr PaceLimits kPaceOfFiles = {microseconds(200), milliseconds(4), milliseconds(1), milliseconds(1), 0};
constexpr PaceLimits kPaceOfService = {milliseconds(10), milliseconds(200), milliseconds(20), milliseconds(100), 0};

// How long a request may take: the shortest also bounds how much longer than its deadline an Acquire() may take, twice.
constexpr Duration kShortestRequest = milliseconds(200);
constexpr Duration kLongestRequest = seconds(2);
constexpr Duration kReleaseRequest = milliseconds(500);
constexpr int kReleaseAttempts = 3;
constexpr Duration kReleasePause = milliseconds(20);

// How far past its expiry a record must be by our wall clock. A holder renews it when a third of the lease is over, so
// a living one is far from its expiry; this is for clocks that differ, and for the shortest leases, of 1 s.
constexpr Duration kExpiryMargin = milliseconds(500);
// A wall time beyond it is none, and not reckoned with.
constexpr int64_t kLastWallTime_ms = 1'000'000'000'000'000;

// A renewal is due after this part of the lease, and after a failed one.
constexpr int kRenewals = 3;
constexpr int kRenewalsInNeed = 12;

// An idle lease is kept for this long where taking it costs a round trip: the next write of a request follows within
// some statements, and who waits polls less often than that.
constexpr Duration kDefaultLinger = milliseconds(50);
// One whose process keeps on writing is given back after this, for others to have their turn; and sooner if others
// were waiting when it was taken, so that eight writers each have a turn within a second.
constexpr Duration kLongestLinger = milliseconds(300);
constexpr Duration kLongestLingerInTurn = milliseconds(80);
// A lease that took longer to get was waited for.
constexpr Duration kLongWait = milliseconds(1);

int64_t InMilliseconds(Duration duration) { return duration / milliseconds(1); }

}  // namespace

Lease::Lease(std::unique_ptr<LeaseStore> store, Clock& clock, std::unique_ptr<Alarm> heartbeat, LeaseOptions options,
             const std::string& database_id, std::string path)
    : store_(std::move(store)),
      clock_(clock),
      options_(std::move(options)),
      memory_(options_.memory ? options_.memory : std::make_shared<LeaseMemory>()),
      path_(std::move(path)),
      watch_(options_.watch ? options_.watch : std::make_shared<Watch>(path_)),
      heartbeat_(std::move(heartbeat)) {
  assert(heartbeat_ || !store_->expires());
  SetDatabaseId(database_id);
  record_.holder = DescribeThisProcess();
}

Lease::~Lease() {
  (void)Release(std::nullopt);
  heartbeat_.reset();
}

void Lease::SetDatabaseId(const std::string& database_id) {
  const std::lock_guard lock(mutex_);
  record_.database_id = database_id;
  watch_->SetDatabaseId(database_id);
}

bool Lease::held() const { return phase_ == Phase::kHeld && clock_.Now() < Instant{good_until_}; }

Duration Lease::Linger() const {
  if (!held()) return Duration::zero();
  const Duration wanted = options_.linger.value_or(store_->expires() ? kDefaultLinger : Duration::zero());
  const Duration longest = others_wait_ ? kLongestLingerInTurn : std::max(kLongestLinger, wanted);
  return std::clamp(longest - (clock_.Now() - begun_), Duration::zero(), wanted);
}

// The release that the record speaks of, if it is of this database and went to this store.
std::optional<CleanRelease> Lease::ReleaseIn(const std::optional<LeaseRecord>& record) const {
  if (!record || !record->lock_id.empty() || !record->released) return std::nullopt;
  if (record->database_id != record_.database_id) return std::nullopt;
  if (record->released->store != store_->release_name()) return std::nullopt;
  return record->released;
}

std::optional<CleanRelease> Lease::PeekRelease() {
  const std::lock_guard lock(mutex_);
  return ReleaseIn(store_->Peek());
}

// --- taking it

Result<std::optional<CleanRelease>> Lease::Acquire(Instant deadline) {
  assert(!active());
  Attempts attempts;
  attempts.wanted = record_;
  attempts.wanted.lock_id = memory_->NewLockId();
  attempts.wanted.version = 0;
  attempts.begun = clock_.Now();
  Result<std::optional<CleanRelease>> previous = Attempt(&attempts, deadline);
  const Duration waited = clock_.Now() - attempts.begun;
  watch_->metrics.Record(Time::kLeaseWait, waited);
  const bool long_wait = waited > kLongWait;
  if (long_wait) watch_->metrics.Add(Count::kLeaseWaits);
  if (previous.ok()) {
    watch_->metrics.Add(Count::kLeaseAcquisitions);
    watch_->Tell(clock_, "lease_acquired", {{"waited_us", Microseconds(waited)}, {"attempts", attempts.count}},
                 long_wait ? EventKind::kNotable : EventKind::kRoutine);
  } else if (previous.status().Is(StatusCode::kBusy) && deadline > attempts.begun) {  // not one that only tried
    watch_->metrics.Add(Count::kLeaseTimeouts);
    watch_->Tell(clock_, "lease_timeout", {{"waited_us", Microseconds(waited)}, {"attempts", attempts.count}});
  }
  return previous;
}

Result<std::optional<CleanRelease>> Lease::Attempt(Attempts* known, Instant deadline) {
  Attempts& attempts = *known;
  PaceLimits limits = store_->expires() ? kPaceOfService : kPaceOfFiles;
  if (store_->expires()) limits.max_attempts = options_.max_attempts;
  Pace pace(limits, deadline);
  while (true) {
    const Result<AcquireReply> reply = TryOnce(&attempts, deadline);
    if (!reply.ok() && !reply.status().Is(StatusCode::kUnavailable)) return GiveUp(attempts, reply.status());
    if (reply.ok() && reply->acquired) {
      Begin(attempts.wanted, attempts.sent);
      others_wait_ = reply->others_wait;
      NoteTakeover(reply->record);
      return ReleaseIn(reply->record);
    }
    Pace::Prospect prospect;
    if (reply.ok()) prospect = {reply->next, reply->turn_in, std::nullopt};
    if (reply.ok() && reply->record && store_->expires()) {
      // An earlier request of ours was carried out, though its reply was lost. What it replaced is not known.
      if (reply->record->lock_id == attempts.wanted.lock_id && Recover(attempts)) return std::optional<CleanRelease>();
      if (memory_->Saw(*reply->record, clock_.Now())) pace.Restart();
    }
    std::optional<Duration> until_takeover;
    if (attempts.holder) until_takeover = UntilTakeover(*attempts.holder);
    if (reply.ok()) prospect.until_takeover = until_takeover;
    // A holder that may be replaced is another state than one that had to be waited for, also if a request failed.
    const bool due = until_takeover && *until_takeover <= Duration::zero();
    if (due && !attempts.due) pace.Restart();
    attempts.due = due;
    const std::optional<Duration> wait = pace.Next(clock_.Now(), prospect);
    if (!wait) return GiveUp(attempts, Locked(attempts));
    clock_.Sleep(*wait);
  }
}

// Whether the record that was replaced is of a holder that has not given the lease back.
void Lease::NoteTakeover(const std::optional<LeaseRecord>& replaced) {
  if (!replaced || replaced->lock_id.empty()) return;
  watch_->metrics.Add(Count::kLeaseTakeovers);
  watch_->Tell(clock_, "lease_taken_over", {{"held_since_ms", replaced->since_ms}});
}

Result<AcquireReply> Lease::TryOnce(Attempts* attempts, Instant deadline) {
  const std::lock_guard lock(mutex_);
  LeaseRecord& wanted = attempts->wanted;
  attempts->sent = clock_.Now();
  attempts->count++;
  wanted.since_ms = clock_.WallTime_ms();
  if (store_->expires()) {
    wanted.lease_ms = InMilliseconds(options_.expiration);
    wanted.expires_at_ms = wanted.since_ms + wanted.lease_ms;
  }
  const Duration limit = std::clamp(deadline - attempts->sent, kShortestRequest, kLongestRequest);
  Takeover takeover = PresentTakeover();
  takeover.is_last_attempt = attempts->sent >= deadline;
  watch_->metrics.Add(Count::kLeaseRequests);
  Result<AcquireReply> reply = store_->TryAcquire(wanted, takeover, limit);
  attempts->failure = reply.status();
  if (reply.ok()) attempts->holder = reply->record;
  if (reply.status().Is(StatusCode::kUnavailable)) attempts->unknown = true;
  return reply;
}

// Which holder may be replaced at this moment. What is known of it may be out of date; the store compares.
Takeover Lease::PresentTakeover() const {
  Takeover takeover;
  if (!store_->expires()) return takeover;
  takeover.expired_before_ms = clock_.WallTime_ms() - InMilliseconds(kExpiryMargin);
  const std::optional<Sighting> last = memory_->Last(record_.database_id);
  if (!last || last->lock_id.empty()) return takeover;
  const Duration lease = last->lease != Duration::zero() ? last->lease : options_.expiration;
  if (memory_->IsOver(last->lock_id) || clock_.Now() - last->since >= lease) {
    takeover.unchanged_lock_id = last->lock_id;
    takeover.unchanged_version = last->version;
  }
  return takeover;
}

// In what time the holder, as it was just seen, may be replaced if it does not renew its lease.
std::optional<Duration> Lease::UntilTakeover(const LeaseRecord& holder) const {
  const std::optional<Sighting> last = memory_->Last(record_.database_id);
  if (!store_->expires() || holder.lock_id.empty() || !last) return std::nullopt;
  if (memory_->IsOver(holder.lock_id)) return Duration::zero();
  const Duration lease = last->lease != Duration::zero() ? last->lease : options_.expiration;
  const Duration by_sight = lease - (clock_.Now() - last->since);
  const int64_t expiry_ms = holder.expires_at_ms;
  if (expiry_ms <= 0 || expiry_ms > kLastWallTime_ms) return by_sight;
  const Duration by_wall = milliseconds(expiry_ms - clock_.WallTime_ms() + 1) + kExpiryMargin;
  return std::min(by_sight, by_wall);
}

// Makes sure that the lease is still ours, and fresh; false if that is not to be learned at present.
bool Lease::Recover(const Attempts& attempts) {
  const Instant sent = clock_.Now();
  {
    const std::lock_guard lock(mutex_);
    record_ = *attempts.holder;
    const Result<bool> renewed = RenewLocked();
    if (!renewed.ok() || !*renewed) return false;
  }
  Begin(record_, sent);
  return true;
}

void Lease::Begin(const LeaseRecord& record, Instant sent) {
  const std::lock_guard lock(mutex_);
  record_ = record;
  begun_ = clock_.Now();
  others_wait_ = false;
  good_until_ = store_->expires() ? (sent + options_.expiration).nanoseconds : INT64_MAX;
  phase_ = Phase::kHeld;
  if (store_->expires()) SetHeartbeat(sent + options_.expiration / kRenewals);
}

// A request that was not answered may be carried out later; what can be done against it is done now. If that comes too
// early, this process knows the name.
Status Lease::GiveUp(const Attempts& attempts, const Status& status) {
  const std::lock_guard lock(mutex_);
  store_->StopWaiting();
  memory_->Over(attempts.wanted.lock_id);
  if (attempts.unknown) {
    watch_->metrics.Add(Count::kLeaseRequests);
    (void)store_->Release(attempts.wanted, std::nullopt, kShortestRequest);
  }
  return status;
}

Status Lease::Locked(const Attempts& attempts) const {
  const std::string waited = Seconds(clock_.Now() - attempts.begun) + " s";
  const std::string tried = store_->expires() ? " (" + std::to_string(attempts.count) + " attempts)" : std::string();
  const std::string holder = attempts.holder ? DescribeHolder(*attempts.holder) : "";
  if (!attempts.failure.ok()) {
    const std::string seen = holder.empty() ? "" : "it was being written" + holder + " when last seen; ";
    return Status::Busy("database is locked: " + path_ + " cannot be written, its lease was not to be had within " +
                        waited + tried + "; " + seen + "the last attempt failed: " + attempts.failure.message());
  }
  return Status::Busy("database is locked: " + path_ + " is being written" + holder + " and was not free within " +
                      waited + tried + "; try again, or raise timeout");
}

// --- keeping it

void Lease::SetHeartbeat(Instant due) {
  next_beat_ = due;
  heartbeat_->Set(due - clock_.Now(), [this] { Beat(); });
}

// On the alarm's thread.
void Lease::Beat() {
  const std::lock_guard lock(mutex_);
  // A tenure that is over by our own clock is left to end: others may have taken it for that.
  if (!held()) return;
  if (clock_.Now() < next_beat_) return SetHeartbeat(next_beat_);
  const Instant sent = clock_.Now();
  const Result<bool> renewed = RenewLocked();
  if (!renewed.ok()) return SetHeartbeat(sent + options_.expiration / kRenewalsInNeed);
  if (*renewed) return SetHeartbeat(sent + options_.expiration / kRenewals);
  phase_ = Phase::kRefused;
  watch_->metrics.Add(Count::kLeasesLost);
  watch_->Tell(clock_, "lease_lost", {{"held_us", Microseconds(sent - begun_)}});
}

// Each request is a version of its own: a late one then undoes no later one.
Result<bool> Lease::RenewLocked() {
  record_.version++;
  record_.lease_ms = InMilliseconds(options_.expiration);
  record_.expires_at_ms = clock_.WallTime_ms() + record_.lease_ms;
  const Instant sent = clock_.Now();
  const Duration limit = std::min(options_.expiration / kRenewals, kLongestRequest);
  watch_->metrics.Add(Count::kLeaseRequests);
  Result<bool> renewed = store_->Renew(record_, limit);
  if (renewed.ok() && *renewed) {
    good_until_ = (sent + options_.expiration).nanoseconds;
    watch_->metrics.Add(Count::kHeartbeats);
  }
  return renewed;
}

// --- giving it back

Status Lease::Release(const std::optional<CleanRelease>& clean) {
  return End([&] { return store_->Release(record_, clean, kReleaseRequest); });
}

Status Lease::Discard() {
  return End([&] { return store_->Discard(record_, kReleaseRequest); });
}

Status Lease::End(const std::function<Status()>& send) {
  if (!active()) return {};
  if (heartbeat_) heartbeat_->Cancel();
  bool refused = false;
  {
    const std::lock_guard lock(mutex_);  // a renewal under way ends first
    refused = phase_ == Phase::kRefused;
    phase_ = Phase::kNone;
    memory_->Over(record_.lock_id);
  }
  if (refused) return {};
  const Status sent = Send(send);
  watch_->metrics.Add(Count::kReleases);
  watch_->Tell(clock_, "lease_released", {{"held_us", Microseconds(clock_.Now() - begun_)}, {"ok", sent.ok() ? 1 : 0}},
               EventKind::kRoutine);
  return sent;
}

Status Lease::Send(const std::function<Status()>& send) {
  for (int i = 1;; i++) {
    Status status;
    {
      const std::lock_guard lock(mutex_);
      watch_->metrics.Add(Count::kLeaseRequests);
      status = send();
    }
    if (!status.Is(StatusCode::kUnavailable) || i == kReleaseAttempts) return status;
    clock_.Sleep(kReleasePause);
  }
}

}  // namespace sqlite_efs
