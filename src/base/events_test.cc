#include "base/events.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace sqlite_efs {
namespace {

// The state is the process's: each test leaves the queue empty, and no log.
class EventsTest : public ::testing::Test {
 protected:
  EventsTest() { Drain(); }
  ~EventsTest() override {
    SetEventLog(nullptr);
    Drain();
  }
  static void Drain() {
    uint64_t dropped = 0;
    while (TakeEvent(&dropped)) {
    }
  }
  static Event Named(const char* name, EventKind kind = EventKind::kNotable, int64_t value = 0) {
    Event event;
    event.kind = kind;
    event.name = name;
    event.figures[0] = {"value", value};
    return event;
  }
  static std::string TakenName() {
    uint64_t dropped = 0;
    const std::optional<Event> event = TakeEvent(&dropped);
    return event ? event->name : "";
  }
};

TEST_F(EventsTest, Are_kept_in_their_order_once_somebody_asks_for_it) {
  KeepEvents();
  EXPECT_TRUE(EventsAreWanted(EventKind::kNotable));
  EXPECT_FALSE(EventsAreWanted(EventKind::kRoutine));
  AddEvent(Named("first"));
  AddEvent(Named("second"));
  EXPECT_EQ(TakenName(), "first");
  EXPECT_EQ(TakenName(), "second");
  EXPECT_EQ(TakenName(), "");
}

TEST_F(EventsTest, Routine_goes_to_the_log_only) {
  KeepEvents();
  std::vector<std::string> logged;
  SetEventLog([&](const Event& event) { logged.emplace_back(event.name); });
  EXPECT_TRUE(EventsAreWanted(EventKind::kRoutine));
  AddEvent(Named("routine", EventKind::kRoutine));
  AddEvent(Named("notable"));
  EXPECT_EQ(logged, (std::vector<std::string>{"routine", "notable"}));
  EXPECT_EQ(TakenName(), "notable");
  EXPECT_EQ(TakenName(), "");
}

TEST_F(EventsTest, The_oldest_make_room_and_are_counted) {
  KeepEvents();
  for (size_t i = 0; i < kKeptEvents + 3; i++) AddEvent(Named("x", EventKind::kNotable, static_cast<int64_t>(i)));
  uint64_t dropped = 0;
  std::optional<Event> event = TakeEvent(&dropped);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->figures[0].value, 3);
  EXPECT_EQ(dropped, 3U);
  event = TakeEvent(&dropped);
  EXPECT_EQ(dropped, 0U);
}

TEST_F(EventsTest, A_child_of_fork_has_none_of_its_parent) {
  KeepEvents();
  AddEvent(Named("parents"));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool empty = TakenName().empty();
    AddEvent(Named("own"));
    ::_exit(empty && TakenName() == "own" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(TakenName(), "parents");
}

}  // namespace
}  // namespace sqlite_efs
