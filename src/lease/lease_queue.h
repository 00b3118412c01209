#ifndef SQLITE_EFS_LEASE_LEASE_QUEUE_H_
#define SQLITE_EFS_LEASE_LEASE_QUEUE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sqlite_efs {

// Who waits for a lease, in the order of arrival, as a text that a record can carry. Nobody can tell whether a waiter
// is alive; so one that let its turn go by is marked as passed, which takes its turn but not yet its place, and one
// that does it again is dropped. A value type.
class LeaseQueue {
 public:
  static constexpr size_t kMaxWaiters = 32;
  static constexpr size_t kMaxName_bytes = 16;

  // Takes what it understands of `text`, up to kMaxWaiters.
  static LeaseQueue Parse(std::string_view text);
  // Names separated by spaces; "!" follows that of one who was passed.
  std::string Format() const;

  bool empty() const { return waiters_.empty(); }
  size_t size() const { return waiters_.size(); }
  bool full() const { return waiters_.size() >= kMaxWaiters; }
  bool Has(std::string_view name) const;

  // Whose turn comes before that of `name`, or of one who has no place and comes last.
  size_t Ahead(std::string_view name) const;

  // `name` has no place yet, no space in it, and the queue is not full.
  void Append(const std::string& name);
  void Remove(std::string_view name);

  // `name`, who may have no place, gets what everybody waits for: it leaves, and those before it were passed.
  void Serve(std::string_view name);

  bool operator==(const LeaseQueue&) const = default;

 private:
  struct Waiter {
    std::string name;
    bool passed = false;
    bool operator==(const Waiter&) const = default;
  };

  std::vector<Waiter> waiters_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_LEASE_QUEUE_H_
