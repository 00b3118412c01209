#include "lease/lease_queue.h"

#include <algorithm>
#include <cassert>

namespace sqlite_efs {
namespace {

constexpr char kPassed = '!';

}  // namespace

LeaseQueue LeaseQueue::Parse(std::string_view text) {
  LeaseQueue queue;
  while (!text.empty() && !queue.full()) {
    std::string_view name = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(name.size() + 1, text.size()));
    const bool passed = name.ends_with(kPassed);
    if (passed) name.remove_suffix(1);
    const bool usable = !name.empty() && name.size() <= kMaxName_bytes && name.find(kPassed) == name.npos;
    if (usable && !queue.Has(name)) queue.waiters_.push_back({std::string(name), passed});
  }
  return queue;
}

std::string LeaseQueue::Format() const {
  std::string text;
  for (const Waiter& waiter : waiters_) {
    if (!text.empty()) text += ' ';
    text += waiter.name;
    if (waiter.passed) text += kPassed;
  }
  return text;
}

bool LeaseQueue::Has(std::string_view name) const {
  return std::ranges::any_of(waiters_, [&](const Waiter& waiter) { return waiter.name == name; });
}

size_t LeaseQueue::Ahead(std::string_view name) const {
  size_t ahead = 0;
  for (const Waiter& waiter : waiters_) {
    if (waiter.name == name) break;
    if (!waiter.passed) ahead++;
  }
  return ahead;
}

void LeaseQueue::Append(const std::string& name) {
  assert(!full() && !Has(name) && !name.empty() && name.size() <= kMaxName_bytes);
  waiters_.push_back({name});
}

void LeaseQueue::Remove(std::string_view name) {
  std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.name == name; });
}

void LeaseQueue::Serve(std::string_view name) {
  std::vector<Waiter> left;
  bool before = true;
  for (Waiter& waiter : waiters_) {
    if (waiter.name == name) {
      before = false;
    } else if (!before || !waiter.passed) {
      left.push_back({std::move(waiter.name), waiter.passed || before});
    }
  }
  waiters_ = std::move(left);
}

}  // namespace sqlite_efs
