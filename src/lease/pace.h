#ifndef SQLITE_EFS_LEASE_PACE_H_
#define SQLITE_EFS_LEASE_PACE_H_

#include <cstdint>
#include <optional>
#include <random>

#include "base/uuid.h"
#include "os/clock.h"

namespace sqlite_efs {

// How the attempts to take a lease are paced.
struct PaceLimits {
  Duration first_wait;             // before the second attempt, at most
  Duration longest_wait;           // what the waits grow to, unless the attempts would be used up before the deadline
  Duration longest_wait_of_next;   // of who is the next in turn, as long as the holder has not had it for long
  Duration longest_wait_for_long;  // and when it has: a tenth of that time, up to this
  uint64_t max_attempts = 0;       // at one state of the record, failed ones included; 0: any number
};

// Exponential backoff with full jitter, up to a deadline:
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
// Where attempts are counted, those at one state of the record are spread over the time that is left, and the last of
// them is made at the deadline. Those of who has a turn are not counted, unless only one is
// allowed. Not thread-safe.
class Pace {
 public:
  Pace(const PaceLimits& limits, Instant deadline) : limits_(limits), deadline_(deadline) { Restart(); }

  // The record has changed: others are being served, and the lease may be free at any moment.
  void Restart() {
    bound_ = limits_.first_wait;
    at_this_state_ = 0;
    state_since_.reset();
  }

  // What an attempt without success showed.
  struct Prospect {
    bool next_in_turn = false;
    Duration turn_in = Duration::zero();                    // unless zero: the caller has a turn, but not before that
    std::optional<Duration> until_takeover = std::nullopt;  // in what time the holder may be replaced, if that is known
  };

  // How long to wait after an attempt that ended at `now` without success; nothing: that was the last one.
  std::optional<Duration> Next(Instant now, const Prospect& prospect);

 private:
  Duration Jittered(Duration longest);
  Duration LongestOfNext(Instant now) const;
  Duration LongestOfLater(Instant now, Duration turn_in) const;

  const PaceLimits limits_;
  const Instant deadline_;
  std::minstd_rand random_{RandomBits()};
  Duration bound_ = Duration::zero();
  uint64_t at_this_state_ = 0;
  std::optional<Instant> state_since_;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_PACE_H_
