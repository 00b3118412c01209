#ifndef SQLITE_EFS_SIM_CHECKER_H_
#define SQLITE_EFS_SIM_CHECKER_H_

#include <array>
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
// Each is a table of its own, so that transactions over different ones have no page in common but page 1.
inline constexpr int kRegisters = 6;

// What transactions read and write one version after the other: the registers and, as one more, the head of the order.
inline constexpr int kHead = kRegisters;
inline constexpr int kItems = kRegisters + 1;
struct Version {
  int64_t number = 0;  // one more with each that is written
  Tx tx = 0;           // who wrote it
};
struct Access {
  int item = 0;
  Version version;
};
using Registers = std::array<Version, kRegisters>;
using Floors = std::array<int64_t, kItems>;

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
  bool takes_place = true;  // in the order of all; else its registers alone say where it comes
  std::vector<Change> changes;
  std::vector<Access> reads;
  std::vector<int> writes;  // items that it has read; each gets the next version
};

// What one transaction read.
struct Seen {
  int64_t position = 0;  // -1: it was not read
  Tx tx = 0;             // at that position
  bool whole = false;    // everything was read
  uint64_t digest = 0;   // of everything but the registers
  std::vector<Access> reads;
};

// What the database says at the end.
struct FinalState {
  std::string source;     // who read it
  std::vector<Tx> order;  // of the committed transactions that take a place
  uint64_t digest = 0;
  Registers registers;
};

// Collects what the clients of one history did and saw, and decides whether it can have been. The order of the
// committed transactions is in the database itself: each reads its predecessor's position and writes its own. Those
// that take no place there may have read nothing of each other; they are ordered by the versions of what they read and
// wrote, which must not go in a circle.
class Checker {
 public:
  // The newest state that was acknowledged to anybody: whoever begins now must not see an older one. What others have
  // seen does not count: a commit whose writer is stopped between its data and its stamp is seen by one, and not yet by
  // another.
  int64_t Floor() const { return floors_[kHead]; }
  // The same for each item.
  const Floors& floors() const { return floors_; }

  void Fail(const std::string& what);
  // A transaction that began when Floor() was `floor` read position `position`.
  void Fresh(int64_t position, int64_t floor, const std::string& who);
  void Fresh(const std::vector<Access>& reads, const Floors& floors, const std::string& who);
  void Add(const Seen& seen);
  void Add(Written written);

  // The end of the history.
  void Judge(const FinalState& state);

  const std::string& violation() const { return violation_; }  // the first; empty: none
  uint64_t commits = 0;
  uint64_t unknown = 0;

 private:
  // Who wrote each version of each item.
  using Writers = std::array<std::vector<Tx>, kItems>;

  void JudgeWritten(const FinalState& state);
  Writers FollowVersions(const FinalState& state);
  bool IsCommitted(const Written& written, const Writers& writers, const std::string& source);
  void JudgeVersions(const FinalState& state);

  std::string violation_;
  Floors floors_ = {};
  std::vector<Seen> seen_;
  std::unordered_map<Tx, Written> written_;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_CHECKER_H_
