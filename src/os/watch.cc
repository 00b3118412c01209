#include "os/watch.h"

#include <algorithm>
#include <cassert>

namespace sqlite_efs {

void Watch::SetDatabaseId(const std::string& database_id) {
  if (database_id.empty()) return;
  const std::lock_guard lock(mutex_);
  database_id_ = database_id;
}

void Watch::Add(Clock& clock, EventKind kind, const char* name, std::initializer_list<Figure> figures) const {
  assert(figures.size() <= Event::kMaxFigures);
  Event event;
  event.kind = kind;
  event.name = name;
  event.time_ms = clock.WallTime_ms();
  std::copy(figures.begin(), figures.end(), event.figures.begin());
  {
    const std::lock_guard lock(mutex_);
    event.database_id = database_id_;
  }
  AddEvent(event);
}

}  // namespace sqlite_efs
