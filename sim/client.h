#ifndef SQLITE_EFS_SIM_CLIENT_H_
#define SQLITE_EFS_SIM_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "sim/checker.h"
#include "sim/random.h"
#include "sim/sql.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

enum class Work : uint8_t {
  kGlance,     // reads which state there is, in a transaction of its own
  kRead,       // reads everything in one transaction
  kLongRead,   // the same, with long pauses
  kTransfer,   // moves money between two accounts
  kLateWrite,  // the same, in a transaction that began to read long before
  kPads,       // writes some large rows
  kMany,       // writes all of them, twice: more than memory takes
  kRollback,   // the same, and rolls back
  kSavepoint,  // rolls a part back, and commits the rest
  kTables,     // makes or drops a table
  kCross,      // reads some registers and writes others, in a transaction that takes no place in the order
  kVacuum,
  kCheckpoint,
  kDetach,
};

struct Task {
  Work work = Work::kGlance;
  uint64_t seed = 0;
  bool masked = false;
};

struct ClientCounts {
  uint64_t conflicts = 0;  // SQLITE_BUSY of either kind
  uint64_t errors = 0;     // any other refusal
  uint64_t reads = 0;
  uint64_t upgrades = 0;  // transactions that wrote although others had committed since they began to read
  uint64_t detaches = 0;
};

// Makes what the model begins with. The connection is to a database without tables.
bool MakeTables(Sql& sql);

// Reads everything; on success what was seen. Nothing is read that was not asked for in one transaction.
int ReadAll(Sql& sql, Seen* seen);
int ReadRegister(Sql& sql, int item, Version* version);
int ReadOrder(Sql& sql, std::vector<Tx>* order);

// A user of the database: one connection and a list of tasks. It survives its process, and goes on in another one.
class Client {
 public:
  Client(int number, std::vector<Task> tasks, Checker& checker, ClientCounts& counts, bool read_only)
      : number_(number), tasks_(std::move(tasks)), checker_(checker), counts_(counts), read_only_(read_only) {}

  // Does what is left, on a thread of `process`; returns early when that is killed. Then some more, if the history has
  // had few commits.
  void Run(Process& process);
  bool done() const { return next_ == tasks_.size() && (read_only_ || !NeedsMore()); }
  std::vector<Task>& tasks() { return tasks_; }
  // One more write, which must succeed in the end; more where the history has had few.
  bool ProveAlive(Process& process);

 private:
  struct Circumstances {
    Time time = 0;
    Time disturbed = 0;
    Ino log = 0;  // its directory; 0: there is none yet
  };

  bool NeedsMore() const;
  bool NeedsFaults() const;
  bool Open();
  void RunTask(const Task& task, Random& random);
  void Do(const Task& task);
  void Glance();
  // The oldest state that a transaction which begins now may see.
  int64_t Floor() const;
  // A transaction that began when nothing older than `floor` might be seen has read `position`.
  void Saw(int64_t position, int64_t floor);
  void Read(Random random, Time longest_pause);
  void Write(const Task& task);
  void Cross(const Task& task);
  int CrossRead(const std::vector<int>& items, std::vector<Access>* reads);
  int CrossBody(Random& random, Written* written);
  void LookAhead(const std::vector<int>& items);
  int Commit(const Circumstances& begun, Written* written);
  int Begin(const Task& task, Random& random);
  int Body(const Task& task, Random& random, Written* written);
  int Transfer(Random& random, Written* written);
  int Pads(Random& random, size_t count, Written* written);
  int Tables(Random& random, Written* written);
  int Head(int64_t* position, Tx* tx);
  void Run(const char* statement);
  void MoveJournalAway();
  void Detach();
  void Pause(Random& random, Time longest);
  void Failed(int rc, const char* where);
  Circumstances Present() const;
  void Excuse(const Circumstances& begun);

  const int number_;
  int64_t newest_seen_ = 0;  // position
  std::vector<Task> tasks_;
  Checker& checker_;
  ClientCounts& counts_;
  const bool read_only_;
  size_t next_ = 0;
  size_t extra_ = 0;  // tasks done beyond the list
  uint32_t transactions_ = 0;
  Process* process_ = nullptr;
  std::unique_ptr<Sql> sql_;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_CLIENT_H_
