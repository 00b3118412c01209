#ifndef SQLITE_EFS_VFS_FRESHNESS_H_
#define SQLITE_EFS_VFS_FRESHNESS_H_

#include <optional>
#include <string>

#include "os/clock.h"

namespace sqlite_efs {

// What a transaction must see at least of what others have committed. Whatever is chosen, it sees one committed state,
// never an older one than the transaction before it, and with all that its own process has committed.
struct Freshness {
  enum class Kind {
    kTransaction,  // everything that was committed before it began
    kRequest,      // everything that was committed before the thread's request began; outside of one as kTransaction
    kBound,        // everything that was committed longer than `bound` ago
  };
  Kind kind = Kind::kTransaction;
  Duration bound{0};  // of kBound
};

// Marks of the calling thread, by `clock`. A request is a unit of work, many transactions long, as the program sees it.
// A call is one of the program's into a library on top of SQLite that begins several transactions as it is executed:
// to load the schema, and then to read. The last mark counts; an end takes it away.
void BeginRequest(Clock& clock);
void EndRequest();
void BeginCall(Clock& clock);
void EndCall();

// A transaction that begins now in the calling thread must see whatever was committed before this instant; nothing:
// whatever was committed before now.
std::optional<Instant> NeededAsOf(const Freshness& freshness, Clock& clock);

// "transaction", "request", or the bound in milliseconds.
std::string NameOf(const Freshness& freshness);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_FRESHNESS_H_
