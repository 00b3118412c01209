#ifndef SQLITE_EFS_SIM_CHECKER_H_
#define SQLITE_EFS_SIM_CHECKER_H_

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/scheduler.h"

namespace sqlite_efs::sim {

// Names a write transaction for ever. 0: none.
using Tx = int64_t;

inline constexpr int kAccounts = 8;
inline constexpr int64_t kOpeningBalance = 1000;
inline constexpr int kPads = 16;

// What a transaction changes.
struct Change {
  enum class Kind : uint8_t { kBalance, kPad, kCreateTable, kDropTable };
  Kind kind = Kind::kBalance;
  int64_t id = 0;     // of the account or pad; of the transaction that made the table
  int64_t delta = 0;  // of the balance
};

// The database as the transactions up to one of them make it.
struct Model {
  Model();
  void Apply(Tx tx, const std::vector<Change>& changes);
  uint64_t Digest() const;

  std::vector<int64_t> balances;
  std::vector<Tx> pads;  // who wrote each last
  std::set<int64_t> tables;
};

// What a pad holds that `tx` has written: so many bytes of that value.
size_t PadSize(Tx tx, int64_t pad);
uint8_t PadByte(Tx tx);

// One write transaction, from its beginning to its answer.
struct Written {
  enum class Outcome : uint8_t { kRefused, kAcknowledged, kUnknown };
  Tx tx = 0;
  int64_t position = 0;  // in the order of all, as it saw it itself; 0: not yet
  Outcome outcome = Outcome::kRefused;
  bool commit_tried = false;
  std::vector<Change> changes;
};

// What one transaction read.
struct Seen {
  int64_t position = 0;
  Tx tx = 0;            // at that position
  bool whole = false;   // everything was read
  uint64_t digest = 0;  // of everything
};

// What the database says at the end.
struct FinalState {
  std::string source;     // who read it
  std::vector<Tx> order;  // of the committed transactions
  uint64_t digest = 0;
};

// Collects what the clients of one history did and saw, and decides whether it can have been. The order of the
// committed transactions is in the database itself: each reads its predecessor's position and writes its own.
class Checker {
 public:
  // The newest state that was acknowledged to anybody: whoever begins now must not see an older one. What others have
  // seen does not count: a commit whose writer is stopped between its data and its stamp is seen by one, and not yet by
  // another.
  int64_t Floor() const { return floor_; }

  void Fail(const std::string& what);
  // A transaction that began when Floor() was `floor` read position `position`.
  void Fresh(int64_t position, int64_t floor, const std::string& who);
  void Add(const Seen& seen);
  void Add(Written written);

  // The end of the history.
  void Judge(const FinalState& state);

  const std::string& violation() const { return violation_; }  // the first; empty: none
  uint64_t commits = 0;
  uint64_t unknown = 0;

 private:
  void JudgeWritten(const FinalState& state);

  std::string violation_;
  int64_t floor_ = 0;
  std::vector<Seen> seen_;
  std::unordered_map<Tx, Written> written_;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_CHECKER_H_
