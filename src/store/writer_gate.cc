#include "store/writer_gate.h"

#include <algorithm>
#include <cassert>

namespace sqlite_efs {

bool WriterGate::Enter(Owner owner, Duration timeout, bool* was_kept) {
  std::unique_lock lock(mutex_);
  *was_kept = kept_ && holder_ == owner;
  if (*was_kept) {
    kept_ = false;
    return true;
  }
  const uint64_t ticket = next_ticket_++;
  queue_.push_back(ticket);
  const bool entered = clock_.Wait(changed_, lock, timeout, [&] { return holder_ == 0 && queue_.front() == ticket; });
  queue_.erase(std::find(queue_.begin(), queue_.end(), ticket));
  if (entered) holder_ = owner;
  changed_.notify_all();
  return entered;
}

bool WriterGate::EnterIfIdle() {
  const std::lock_guard lock(mutex_);
  if (holder_ != 0 || !queue_.empty()) return false;
  holder_ = kEngine;
  return true;
}

void WriterGate::Leave() {
  const std::lock_guard lock(mutex_);
  assert(holder_ != 0 && !kept_);
  holder_ = 0;
  changed_.notify_all();
}

void WriterGate::Keep() {
  const std::lock_guard lock(mutex_);
  assert(holder_ != 0);
  kept_ = true;
}

bool WriterGate::EndKeep(Owner owner) {
  const std::lock_guard lock(mutex_);
  if (!kept_ || (owner != 0 && holder_ != owner)) return false;
  kept_ = false;
  return true;
}

}  // namespace sqlite_efs
