#include "lease/lease.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <random>

#include "base/uuid.h"

namespace sqlite_efs {
namespace {

constexpr Duration kFirstWait = std::chrono::microseconds(200);
constexpr Duration kLongestWait = std::chrono::milliseconds(4);
constexpr Duration kLongestWaitOfNext = std::chrono::milliseconds(1);
constexpr size_t kHolderText_bytes = 200;

// Exponential backoff with full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
class Backoff {
 public:
  Duration Next(Duration longest) {
    bound_ = std::min(bound_, longest);
    const auto wait = std::uniform_int_distribution<int64_t>(0, bound_.count())(random_);
    bound_ *= 2;
    return Duration(wait);
  }

 private:
  std::minstd_rand random_{RandomBits()};
  Duration bound_ = kFirstWait;
};

std::string Seconds(Duration duration) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g", std::chrono::duration<double>(duration).count());
  return text.data();
}

Status Locked(const std::string& path, const std::optional<LeaseRecord>& holder, Duration waited) {
  std::string message = "database is locked: " + path + " is being written";
  if (holder && !holder->lock_id.empty()) message += " by " + holder->holder;
  return Status::Busy(message + " and was not free within " + Seconds(waited) + " s; try again, or raise timeout");
}

}  // namespace

std::string DescribeThisProcess() {
  std::array<char, 256> host = {};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  std::string program;
  std::ifstream("/proc/self/comm") >> program;
  std::string text = std::string(host.data()) + ", process " + std::to_string(::getpid()) + " (" + program + ")";
  text.resize(std::min(text.size(), kHolderText_bytes));
  return text;
}

Lease::Lease(std::unique_ptr<LeaseStore> store, Clock& clock, std::string database_id, std::string path)
    : store_(std::move(store)), clock_(clock), path_(std::move(path)) {
  record_.database_id = std::move(database_id);
  record_.holder = DescribeThisProcess();
}

Lease::~Lease() { (void)Release(std::nullopt); }

Result<std::optional<CleanRelease>> Lease::Acquire(Instant deadline) {
  assert(!held_);
  record_.lock_id = NewUuid();
  record_.since_ms = clock_.WallTime_ms();
  const Instant begun = clock_.Now();
  Backoff backoff;
  while (true) {
    const Result<AcquireReply> attempt = store_->TryAcquire(record_, {});
    if (!attempt.ok()) {
      store_->StopWaiting();
      return attempt.status();
    }
    const AcquireReply& reply = *attempt;
    if (reply.acquired) {
      held_ = true;
      return ReleaseIn(reply.record);
    }
    const Duration left = deadline - clock_.Now();
    if (left <= Duration::zero()) {
      store_->StopWaiting();
      return Locked(path_, reply.record, clock_.Now() - begun);
    }
    clock_.Sleep(std::min(backoff.Next(reply.next ? kLongestWaitOfNext : kLongestWait), left));
  }
}

// The release that the record speaks of, if it is of this database and went to this store.
std::optional<CleanRelease> Lease::ReleaseIn(const std::optional<LeaseRecord>& record) const {
  if (!record || !record->lock_id.empty() || !record->released) return std::nullopt;
  if (record->database_id != record_.database_id || record->released->store != store_->name()) return std::nullopt;
  return record->released;
}

std::optional<CleanRelease> Lease::PeekRelease() { return ReleaseIn(store_->Peek()); }

Status Lease::Release(const std::optional<CleanRelease>& clean) {
  if (!held_) return {};
  held_ = false;
  return store_->Release(record_, clean);
}

}  // namespace sqlite_efs
