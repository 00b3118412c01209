#include "lease/pace.h"

#include <algorithm>

namespace sqlite_efs {
namespace {

// Of a holder that may be replaced at once: the store decides by its own view of the record.
constexpr Duration kShortestWait = std::chrono::milliseconds(1);

constexpr int kShareOfWaiting = 10;
// Who has others before it may sleep the longer the more often this has passed while the record stayed the same.
constexpr Duration kLongWait = std::chrono::milliseconds(250);

}  // namespace

Duration Pace::Jittered(Duration longest) {
  bound_ = std::min(bound_, longest);
  const auto wait = std::uniform_int_distribution<int64_t>(0, bound_.count())(random_);
  bound_ *= 2;
  return Duration(wait);
}

// Who waits for long is held up by little if it asks less often, relative to its waiting.
Duration Pace::LongestOfNext(Instant now) const {
  const Duration long_wait = std::min((now - *state_since_) / kShareOfWaiting, limits_.longest_wait_for_long);
  return std::max(limits_.longest_wait_of_next, long_wait);
}

// Who is asleep when its turn comes holds up all behind it, and is passed in the end.
Duration Pace::LongestOfLater(Instant now, Duration turn_in) const {
  return turn_in * std::max<int64_t>(2, (now - *state_since_) / kLongWait);
}

std::optional<Duration> Pace::Next(Instant now, const Prospect& prospect) {
  const Duration left = deadline_ - now;
  if (!state_since_) state_since_ = now;
  const bool has_turn = prospect.next_in_turn || (prospect.turn_in > Duration::zero() && limits_.max_attempts != 1);
  const bool counted = limits_.max_attempts != 0 && !has_turn;
  if (counted) at_this_state_++;
  const uint64_t more = counted ? limits_.max_attempts - std::min(at_this_state_, limits_.max_attempts) : 0;
  if (left <= Duration::zero() || (counted && more == 0)) return std::nullopt;
  Duration wait = left;  // the last attempt is made at the deadline
  if (prospect.next_in_turn) {
    wait = Jittered(LongestOfNext(now));
  } else if (has_turn) {
    wait = std::max(prospect.turn_in, Jittered(LongestOfLater(now, prospect.turn_in)));
  } else if (!counted) {
    wait = Jittered(limits_.longest_wait);
  } else if (more > 1) {
    // The mean of a jittered wait is half its bound.
    wait = Jittered(std::max(limits_.longest_wait, 2 * left / static_cast<int64_t>(more)));
  }
  if (prospect.until_takeover) wait = std::min(wait, std::max(*prospect.until_takeover, kShortestWait));
  return std::min(wait, left);
}

}  // namespace sqlite_efs
