#ifndef SQLITE_EFS_TESTING_LEASE_ITEM_H_
#define SQLITE_EFS_TESTING_LEASE_ITEM_H_

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lease/lease_store.h"

namespace sqlite_efs::testing {

enum class LeaseOp { kAcquire, kRenew, kRelease };

// What becomes of a request. A late one gets no reply, and is carried out by Deliver(); a doubled one, again.
enum class Fate { kServed, kLost, kReplyLost, kLate, kDoubled, kDenied };

// One item of a service with conditional puts: the record of one database. Thread-safe.
class LeaseItem {
 public:
  // What a store of one process talks to. `clock` passes by the limit of each request that is not answered.
  std::unique_ptr<LeaseStore> NewStore(Clock& clock) { return std::make_unique<Store>(*this, clock); }

  // The fates of the coming requests of one kind, in their order; all later ones are served.
  void Expect(LeaseOp op, std::vector<Fate> fates) {
    const std::lock_guard lock(mutex_);
    fates_[Index(op)].assign(fates.begin(), fates.end());
  }
  void ExpectAlways(LeaseOp op, Fate fate) {
    const std::lock_guard lock(mutex_);
    always_[Index(op)] = fate;
  }

  // Carries out the requests that are still on their way; how many.
  size_t Deliver() {
    const std::vector<std::function<void()>> late = std::exchange(late_, {});
    for (const auto& request : late) request();
    return late.size();
  }

  std::optional<LeaseRecord> record() const {
    const std::lock_guard lock(mutex_);
    return record_;
  }
  void Put(std::optional<LeaseRecord> record) {
    const std::lock_guard lock(mutex_);
    record_ = std::move(record);
  }
  size_t count(LeaseOp op) const {
    const std::lock_guard lock(mutex_);
    return counts_[Index(op)];
  }
  std::vector<std::string> lock_ids;  // of the attempts to acquire
  bool overlapped = false;            // whether one store got two calls at a time
  bool others_wait = false;           // what a new holder is told

  std::function<void(LeaseOp)> before;  // called before each request; without the item's lock

 private:
  static size_t Index(LeaseOp op) { return static_cast<size_t>(op); }

  AcquireReply Acquire(const LeaseRecord& wanted, const Takeover& takeover) {
    const std::lock_guard lock(mutex_);
    if (record_ && !record_->lock_id.empty()) {
      const bool expired = record_->expires_at_ms != 0 && record_->expires_at_ms < takeover.expired_before_ms;
      const bool unchanged =
          record_->lock_id == takeover.unchanged_lock_id && record_->version == takeover.unchanged_version;
      if (!expired && !unchanged) return {.record = record_};
    }
    return {.acquired = true, .others_wait = others_wait, .record = std::exchange(record_, wanted)};
  }
  bool Renew(const LeaseRecord& renewed) {
    const std::lock_guard lock(mutex_);
    if (!record_ || record_->lock_id != renewed.lock_id || record_->version > renewed.version) return false;
    record_ = renewed;
    return true;
  }
  void Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean) {
    const std::lock_guard lock(mutex_);
    if (!record_ || record_->lock_id != mine.lock_id) return;
    record_->lock_id.clear();
    record_->released = clean;
  }
  Fate Draw(LeaseOp op) {
    const std::lock_guard lock(mutex_);
    counts_[Index(op)]++;
    std::deque<Fate>& fates = fates_[Index(op)];
    if (fates.empty()) return always_[Index(op)];
    const Fate fate = fates.front();
    fates.pop_front();
    return fate;
  }
  // `request` is carried out as fate has it; whether its reply arrives.
  Status Send(LeaseOp op, const std::function<void()>& request, Clock& clock, Duration limit) {
    if (before) before(op);
    const Fate fate = Draw(op);
    if (fate == Fate::kDenied) return Status::ReadOnly("not permitted");
    if (fate == Fate::kLate || fate == Fate::kDoubled) {
      const std::lock_guard lock(mutex_);
      late_.push_back(request);
    }
    if (fate == Fate::kServed || fate == Fate::kReplyLost || fate == Fate::kDoubled) request();
    if (fate == Fate::kServed || fate == Fate::kDoubled) return {};
    clock.Sleep(limit);
    return {StatusCode::kUnavailable, "the service did not answer"};
  }

  class Store final : public LeaseStore {
   public:
    Store(LeaseItem& item, Clock& clock) : item_(item), clock_(clock) {}
    std::string name() const override { return "item"; }
    bool expires() const override { return true; }
    Result<AcquireReply> TryAcquire(const LeaseRecord& wanted, const Takeover& takeover, Duration limit) override {
      const std::unique_lock call = OneCall();
      item_.lock_ids.push_back(wanted.lock_id);
      auto reply = std::make_shared<AcquireReply>();
      const auto request = [&item = item_, reply, wanted, takeover] { *reply = item.Acquire(wanted, takeover); };
      EFS_RETURN_IF_ERROR(item_.Send(LeaseOp::kAcquire, request, clock_, limit));
      return *reply;
    }
    Result<bool> Renew(const LeaseRecord& renewed, Duration limit) override {
      const std::unique_lock call = OneCall();
      auto reply = std::make_shared<bool>();
      const auto request = [&item = item_, reply, renewed] { *reply = item.Renew(renewed); };
      EFS_RETURN_IF_ERROR(item_.Send(LeaseOp::kRenew, request, clock_, limit));
      return *reply;
    }
    Status Release(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, Duration limit) override {
      const std::unique_lock call = OneCall();
      const auto request = [&item = item_, mine, clean] { item.Release(mine, clean); };
      return item_.Send(LeaseOp::kRelease, request, clock_, limit);
    }

   private:
    std::unique_lock<std::mutex> OneCall() {
      std::unique_lock call(call_, std::try_to_lock);
      if (!call.owns_lock()) item_.overlapped = true;
      return call;
    }
    LeaseItem& item_;
    Clock& clock_;
    std::mutex call_;
  };

  mutable std::mutex mutex_;
  std::optional<LeaseRecord> record_;
  std::array<size_t, 3> counts_ = {};
  std::array<std::deque<Fate>, 3> fates_;
  std::array<Fate, 3> always_ = {};
  std::vector<std::function<void()>> late_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_LEASE_ITEM_H_
