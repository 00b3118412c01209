#ifndef SQLITE_EFS_OS_WATCH_H_
#define SQLITE_EFS_OS_WATCH_H_

#include <initializer_list>
#include <mutex>
#include <string>

#include "base/events.h"
#include "base/metrics.h"
#include "os/clock.h"

namespace sqlite_efs {

// Through which the layers say what they do with one database, for whoever watches. Thread-safe.
class Watch {
 public:
  // `path` is the database's.
  explicit Watch(std::string path) : metrics(std::move(path)) {}

  // An empty one changes nothing.
  void SetDatabaseId(const std::string& database_id);

  // Tells of an event, if anybody wants to know: otherwise the clock is not even asked. The name is a literal.
  void Tell(Clock& clock, const char* name, std::initializer_list<Figure> figures = {},
            EventKind kind = EventKind::kNotable) const {
    if (EventsAreWanted(kind)) Add(clock, kind, name, figures);
  }

  DatabaseMetrics metrics;

 private:
  void Add(Clock& clock, EventKind kind, const char* name, std::initializer_list<Figure> figures) const;

  mutable std::mutex mutex_;
  std::string database_id_;  // guarded by mutex_; empty: not known yet
};

// How long something takes, into a histogram at the end of its scope.
class Timed {
 public:
  Timed(Clock& clock, Metrics& metrics, Time time)
      : clock_(clock), metrics_(metrics), time_(time), begun_(clock.Now()) {}
  ~Timed() { metrics_.Record(time_, elapsed()); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

  Duration elapsed() const { return clock_.Now() - begun_; }

 private:
  Clock& clock_;
  Metrics& metrics_;
  const Time time_;
  const Instant begun_;
};

// For figures.
inline int64_t Microseconds(Duration duration) { return duration / std::chrono::microseconds(1); }

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_WATCH_H_
