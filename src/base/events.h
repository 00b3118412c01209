#ifndef SQLITE_EFS_BASE_EVENTS_H_
#define SQLITE_EFS_BASE_EVENTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>

namespace sqlite_efs {

// A routine event happens in every transaction. It goes to the log only.
enum class EventKind { kRoutine, kNotable };

// A number that belongs to an event. The name, a literal, says the unit.
struct Figure {
  const char* name = nullptr;
  int64_t value = 0;
};

// Something that a process did, or that happened to it, in the protocol: docs/watching.md lists the names. It holds
// nothing of what the database holds.
struct Event {
  static constexpr size_t kMaxFigures = 4;

  EventKind kind = EventKind::kNotable;
  const char* name = "";                         // a literal
  int64_t time_ms = 0;                           // since 1970-01-01 UTC, by the clock of this machine
  std::string database_id;                       // empty: not known
  std::array<Figure, kMaxFigures> figures = {};  // up to the first one without a name
};

// What is told of the process goes to a log, to a bounded queue, to both, or, as at the beginning, to neither. All
// functions are thread-safe. A child of fork() begins with an empty queue.

// Whether anybody wants events of that kind: cheap, to be asked before one is made.
bool EventsAreWanted(EventKind kind);

void AddEvent(const Event& event);

// `log` is called with each event, by whatever thread adds it, one at a time; it must not add any. Null: no log.
void SetEventLog(std::function<void(const Event&)> log);

// Keeps notable events from now on, until TakeEvent() takes them. Beyond kKeptEvents the oldest is dropped.
inline constexpr size_t kKeptEvents = 256;
void KeepEvents();

// The oldest event that is kept; nothing if there is none. `dropped`: how many before it were not kept.
std::optional<Event> TakeEvent(uint64_t* dropped);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_BASE_EVENTS_H_
