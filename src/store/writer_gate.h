#ifndef SQLITE_EFS_STORE_WRITER_GATE_H_
#define SQLITE_EFS_STORE_WRITER_GATE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

#include "os/clock.h"

namespace sqlite_efs {

// Lets one connection of this process write at a time, in the order in which they came. A connection that must begin
// its transaction again may have its place kept for a moment. Thread-safe.
class WriterGate {
 public:
  // `clock` must outlive the gate.
  explicit WriterGate(Clock& clock) : clock_(clock) {}

  using Owner = uint64_t;  // names a connection; not 0

  // Waits for the place until `timeout` has passed; false if it was not obtained. At once if the place is kept for
  // `owner`; `was_kept` then says so.
  bool Enter(Owner owner, Duration timeout, bool* was_kept);

  // Takes the place for the engine itself, if nobody has it or waits for it.
  bool EnterIfIdle();

  // Gives up the place, which the caller has.
  void Leave();

  // The caller, who has the place, goes away and will come back by Enter() or lose the place to EndKeep().
  void Keep();

  // Takes the place if it is kept for `owner` (for anybody: 0); the caller must then Leave().
  bool EndKeep(Owner owner);

 private:
  static constexpr Owner kEngine = UINT64_MAX;

  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<uint64_t> queue_;
  uint64_t next_ticket_ = 1;
  Owner holder_ = 0;
  bool kept_ = false;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_WRITER_GATE_H_
