// The simulated file server and its clients against what NFS was measured to do: a test for each row of
// docs/simulation.md, "What NFS does here".
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sim/file.h"
#include "sim/files.h"
#include "sim/world.h"

namespace sqlite_efs::sim {
namespace {

constexpr uint64_t kMaxSteps = 100'000;
constexpr Time kFreshest = 3 * kSecond;      // attributes are believed for that long at least
constexpr Time kStalest = 60 * kSecond;      // and no longer than that
constexpr Time kMissing = 30 * kSecond;      // so long a name is remembered as missing
constexpr Time kLongestName = 60 * kSecond;  // and, at most, what it stood for
constexpr Time kLockLease = 10 * kSecond;

Bytes BytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }

// A process on a machine of its own, and what it does there, one step at a time.
class Machine {
 public:
  explicit Machine(World& world, bool local = false)
      : host_(world.AddHost(local)), process_(&world.AddProcess(host_, 0)), files_(&process_) {}

  // Runs `body` as this machine's process, and everything that comes with it, for no longer than it takes.
  void Do(const std::function<void()>& body) {
    bool done = false;
    Scheduler::Get().Spawn(&process_->actor, Scheduler::Get().now(), [&] {
      body();
      done = true;
    });
    ASSERT_TRUE(Scheduler::Get().Run(kMaxSteps));
    EXPECT_TRUE(done || process_->dead());
  }

  std::unique_ptr<File> Open(const std::string& name, OpenMode mode = OpenMode::kReadWrite) {
    Result<std::unique_ptr<File>> file = files_.Open("/0/" + name, mode, 0644);
    EXPECT_TRUE(file.ok()) << file.status().message();
    return file.ok() ? std::move(file.value()) : nullptr;
  }

  std::string Read(File& file, size_t size = 8) {
    std::string text(size, '\0');
    const Result<size_t> read = file.ReadAt(0, std::as_writable_bytes(std::span(text)));
    if (!read.ok()) return read.status().message();
    text.resize(*read);
    return text;
  }

  void Write(File& file, const std::string& text, uint64_t offset = 0) {
    ASSERT_TRUE(file.WriteAt(offset, BytesOf(text)).ok());
    ASSERT_TRUE(file.Sync().ok());
  }

  SimFiles& files() { return files_; }
  Host& host() { return host_; }
  Process& process() { return *process_; }

 private:
  Host& host_;
  Process* process_;
  SimFiles files_;
};

class ModelTest : public ::testing::Test {
 protected:
  ModelTest() {
    world_.server.lock_lease = kLockLease;
    writer_.Do([&] { writer_.Write(*writer_.Open("f", OpenMode::kCreateNew), "old"); });
  }

  static void Pass(Time time) {
    Scheduler::Get().At(Scheduler::Get().now() + time, [] {});
    ASSERT_TRUE(Scheduler::Get().Run(kMaxSteps));
  }

  World world_{1};
  Machine writer_{world_};
  Machine reader_{world_};
};

// --- staleness

TEST_F(ModelTest, What_another_host_appends_is_not_seen_through_a_held_descriptor_before_its_time) {
  std::unique_ptr<File> held;
  reader_.Do([&] {
    held = reader_.Open("f", OpenMode::kRead);
    EXPECT_EQ(reader_.Read(*held), "old");
  });
  writer_.Do([&] { writer_.Write(*writer_.Open("f"), "er", 3); });
  reader_.Do([&] { EXPECT_EQ(reader_.Read(*held), "old"); });
  Pass(kStalest);
  reader_.Do([&] { EXPECT_EQ(reader_.Read(*held), "older"); });
  reader_.Do([&] { held.reset(); });
}

TEST_F(ModelTest, What_another_host_overwrites_is_not_seen_before_its_time) {
  std::unique_ptr<File> held;
  reader_.Do([&] {
    held = reader_.Open("f", OpenMode::kRead);
    EXPECT_EQ(reader_.Read(*held), "old");
  });
  writer_.Do([&] { writer_.Write(*writer_.Open("f"), "new"); });
  Pass(kFreshest / 2);
  reader_.Do([&] { EXPECT_EQ(reader_.Read(*held), "old"); });
  Pass(kStalest);
  reader_.Do([&] { EXPECT_EQ(reader_.Read(*held), "new"); });
  reader_.Do([&] { held.reset(); });
}

TEST_F(ModelTest, An_open_a_look_a_lock_and_a_fresh_reading_see_it_at_once) {
  const auto look = [](File& file) { EXPECT_TRUE(file.Look().ok()); };
  const auto lock = [](File& file) {
    EXPECT_TRUE(file.TryLock(0, 1).value());
    EXPECT_TRUE(file.Unlock(0, 1).ok());
  };
  const auto open = [&](File&) { (void)reader_.Open("f", OpenMode::kRead); };
  const auto nothing = [](File&) {};
  const std::pair<OpenMode, std::function<void(File&)>> kinds[] = {
      {OpenMode::kRead, look}, {OpenMode::kRead, open}, {OpenMode::kReadWrite, lock}, {OpenMode::kReadFresh, nothing}};
  std::string content = "old";
  for (const auto& [mode, refresh] : kinds) {
    std::unique_ptr<File> held;
    reader_.Do([&] {
      held = reader_.Open("f", mode);
      EXPECT_EQ(reader_.Read(*held), content);
    });
    content[0]++;
    writer_.Do([&] { writer_.Write(*writer_.Open("f"), content); });
    reader_.Do([&] {
      refresh(*held);
      EXPECT_EQ(reader_.Read(*held), content);
      held.reset();
    });
  }
}

TEST_F(ModelTest, Where_it_is_open_for_writing_neither_a_look_nor_an_open_shows_it) {
  std::unique_ptr<File> held;
  std::unique_ptr<File> other;
  reader_.Do([&] {
    held = reader_.Open("f", OpenMode::kRead);
    other = reader_.Open("f", OpenMode::kWrite);
    EXPECT_EQ(reader_.Read(*held), "old");
  });
  writer_.Do([&] { writer_.Write(*writer_.Open("f"), "new"); });
  reader_.Do([&] {
    EXPECT_TRUE(held->Look().ok());
    EXPECT_EQ(reader_.Read(*held), "old");
    EXPECT_EQ(reader_.Read(*reader_.Open("f", OpenMode::kRead)), "old");
    EXPECT_EQ(reader_.Read(*reader_.Open("f", OpenMode::kReadFresh)), "new");
    other.reset();
    EXPECT_EQ(reader_.Read(*held), "old");
    held.reset();
    EXPECT_EQ(reader_.Read(*reader_.Open("f", OpenMode::kRead)), "new");
  });
}

TEST_F(ModelTest, A_name_that_was_replaced_elsewhere_stands_for_the_old_file_for_a_while) {
  world_.server.Get(world_.server.Resolve("/f")).answers_when_removed = true;
  reader_.Do([&] { EXPECT_EQ(reader_.Read(*reader_.Open("f")), "old"); });
  writer_.Do([&] {
    writer_.Write(*writer_.Open("g", OpenMode::kCreateNew), "new");
    EXPECT_TRUE(writer_.files().Rename("/0/g", "/0/f").ok());
  });
  reader_.Do([&] { EXPECT_EQ(reader_.Read(*reader_.Open("f")), "old"); });
  Pass(kLongestName);
  reader_.Do([&] { EXPECT_EQ(reader_.Read(*reader_.Open("f")), "new"); });
}

TEST_F(ModelTest, A_name_that_was_missing_is_missing_here_for_half_a_minute) {
  reader_.Do([&] { EXPECT_FALSE(reader_.files().Stat("/0/g").ok()); });
  writer_.Do([&] { writer_.Write(*writer_.Open("g", OpenMode::kCreateNew), "new"); });
  reader_.Do([&] {
    EXPECT_TRUE(reader_.files().Stat("/0/g").status().Is(StatusCode::kNotFound));
    EXPECT_TRUE(reader_.files().Open("/0/g", OpenMode::kRead, 0).status().Is(StatusCode::kNotFound));
  });
  Pass(kMissing);
  reader_.Do([&] { EXPECT_EQ(reader_.Read(*reader_.Open("g")), "new"); });
}

TEST_F(ModelTest, A_listing_a_look_at_the_folder_and_an_exclusive_creation_look_a_name_up_anew) {
  const auto list = [&] { EXPECT_TRUE(reader_.files().List("/0/").ok()); };
  const auto look = [&] { EXPECT_TRUE(reader_.Open("", OpenMode::kRead)->Look().ok()); };
  const auto create = [&] {
    EXPECT_TRUE(reader_.files().Open("/0/g", OpenMode::kCreateNew, 0644).status().Is(StatusCode::kExists));
  };
  for (const std::function<void()>& refresh : {std::function<void()>(list), {look}, {create}}) {
    reader_.Do([&] { EXPECT_FALSE(reader_.files().Stat("/0/g").ok()); });
    writer_.Do([&] { writer_.Write(*writer_.Open("g", OpenMode::kCreateNew), "new"); });
    reader_.Do([&] {
      EXPECT_FALSE(reader_.files().Stat("/0/g").ok());
      refresh();
      EXPECT_TRUE(reader_.files().Stat("/0/g").ok());
      EXPECT_TRUE(reader_.files().Remove("/0/g").ok());
    });
    Pass(kStalest);
  }
}

TEST_F(ModelTest, A_rename_silently_replaces_what_another_host_has_just_made) {
  reader_.Do([&] { EXPECT_FALSE(reader_.files().Stat("/0/g").ok()); });
  writer_.Do([&] { writer_.Write(*writer_.Open("g", OpenMode::kCreateNew), "theirs"); });
  reader_.Do([&] {
    reader_.Write(*reader_.Open("mine", OpenMode::kCreateNew), "mine");
    EXPECT_TRUE(reader_.files().Rename("/0/mine", "/0/g").ok());
  });
  Pass(kStalest);
  writer_.Do([&] { EXPECT_EQ(writer_.Read(*writer_.Open("g")), "mine"); });
}

TEST_F(ModelTest, A_descriptor_of_a_replaced_file_works_on_or_says_stale) {
  for (const bool answers : {true, false}) {
    std::unique_ptr<File> held;
    reader_.Do([&] { held = reader_.Open("f"); });
    world_.server.Get(world_.server.Resolve("/f")).answers_when_removed = answers;
    writer_.Do([&] {
      writer_.Write(*writer_.Open("g", OpenMode::kCreateNew), "new");
      EXPECT_TRUE(writer_.files().Rename("/0/g", "/0/f").ok());
    });
    reader_.Do([&] {
      const Status written = held->WriteAt(0, BytesOf("lost"));
      EXPECT_EQ(written.ok(), answers) << written.message();
      EXPECT_EQ(written.Is(StatusCode::kStale), !answers);
      held.reset();
    });
    Pass(kStalest);
    writer_.Do([&] { EXPECT_EQ(writer_.Read(*writer_.Open("f")), "new"); });
  }
}

TEST_F(ModelTest, Where_the_change_attribute_ties_a_host_keeps_the_page_it_has) {
  world_.server.tick = kSecond;
  world_.server.coarse_change = true;
  Pass(kSecond - Scheduler::Get().now() % kSecond);  // what follows is within a tick
  std::unique_ptr<File> held;
  writer_.Do([&] { writer_.Write(*writer_.Open("f"), "one"); });
  reader_.Do([&] {
    held = reader_.Open("f", OpenMode::kRead);
    EXPECT_EQ(reader_.Read(*held), "one");
  });
  writer_.Do([&] { writer_.Write(*writer_.Open("f"), "two"); });
  reader_.Do([&] {
    EXPECT_TRUE(held->Look().ok());
    EXPECT_EQ(reader_.Read(*held), "one");
    EXPECT_EQ(reader_.Read(*reader_.Open("f", OpenMode::kReadFresh)), "two");
    held.reset();
  });
}

TEST_F(ModelTest, What_is_removed_while_it_is_open_here_may_keep_a_name_until_it_is_closed) {
  bool kept = false;
  for (int i = 0; i < 20 && !kept; i++) {
    std::unique_ptr<File> held;
    reader_.Do([&] {
      held = reader_.Open("g", OpenMode::kCreateNew);
      EXPECT_TRUE(reader_.files().Remove("/0/g").ok());
    });
    const auto names = [&] { return world_.server.Get(kRoot).entries.size(); };
    kept = names() == 2;
    reader_.Do([&] { held.reset(); });
    EXPECT_EQ(names(), 1U);
  }
  EXPECT_TRUE(kept);
}

// --- freezes and locks

TEST_F(ModelTest, A_write_of_a_frozen_host_lands_when_it_thaws_over_what_came_after) {
  std::unique_ptr<File> held;
  reader_.Do([&] {
    held = reader_.Open("f");
    EXPECT_TRUE(held->WriteAt(0, BytesOf("late")).ok());
    reader_.host().Freeze(/*clock_stands=*/false);
  });
  writer_.Do([&] { writer_.Write(*writer_.Open("f"), "new!"); });
  writer_.Do([&] { EXPECT_EQ(writer_.Read(*writer_.Open("f")), "new!"); });
  reader_.host().Thaw();
  Pass(kStalest);
  writer_.Do([&] { EXPECT_EQ(writer_.Read(*writer_.Open("f")), "late"); });
  reader_.Do([&] {
    EXPECT_TRUE(held->Sync().ok());
    held.reset();
  });
}

TEST_F(ModelTest, A_silent_host_loses_its_lock_to_the_next_that_asks_and_is_refused_from_then_on) {
  std::unique_ptr<File> held;
  reader_.Do([&] {
    held = reader_.Open("f");
    EXPECT_TRUE(held->TryLock(0, 1).value());
  });
  const auto taken = [&] {
    bool is = false;
    writer_.Do([&] { is = writer_.Open("f")->TryLock(0, 1).value(); });
    return is;
  };
  EXPECT_FALSE(taken());
  reader_.host().Freeze(/*clock_stands=*/false);
  EXPECT_FALSE(taken()) << "its lease is not over yet";
  Pass(2 * kLockLease);
  reader_.host().Thaw();
  reader_.Do([&] { EXPECT_TRUE(held->WriteAt(0, BytesOf("a")).ok()) << "nobody has asked"; });
  reader_.host().Freeze(/*clock_stands=*/false);
  Pass(2 * kLockLease);
  EXPECT_TRUE(taken());
  reader_.host().Thaw();
  reader_.Do([&] {
    EXPECT_TRUE(held->WriteAt(0, BytesOf("b")).Is(StatusCode::kIoError));
    held.reset();
  });
}

TEST_F(ModelTest, What_was_written_under_a_lost_lock_does_not_land) {
  std::unique_ptr<File> held;
  reader_.Do([&] {
    held = reader_.Open("f");
    EXPECT_TRUE(held->TryLock(0, 1).value());
    EXPECT_TRUE(held->WriteAt(0, BytesOf("late")).ok());
    reader_.host().Freeze(/*clock_stands=*/false);
  });
  Pass(2 * kLockLease);
  writer_.Do([&] {
    const std::unique_ptr<File> file = writer_.Open("f");
    EXPECT_TRUE(file->TryLock(0, 1).value());
    writer_.Write(*file, "new!");
  });
  reader_.host().Thaw();
  Pass(kStalest);
  writer_.Do([&] { EXPECT_EQ(writer_.Read(*writer_.Open("f")), "new!"); });
  reader_.Do([&] {
    EXPECT_FALSE(held->Sync().ok());
    held.reset();
  });
}

TEST_F(ModelTest, A_killed_process_keeps_its_locks_until_its_writes_are_sent) {
  std::unique_ptr<File> held;
  reader_.Do([&] {
    held = reader_.Open("f");
    EXPECT_TRUE(held->TryLock(0, 1).value());
    EXPECT_TRUE(held->WriteAt(0, BytesOf("sent")).ok());
    reader_.host().Cut();
    world_.Kill(reader_.process());
  });
  held.reset();
  writer_.Do([&] { EXPECT_FALSE(writer_.Open("f")->TryLock(0, 1).value()); });
  reader_.host().Heal();
  Pass(kStalest);
  writer_.Do([&] {
    const std::unique_ptr<File> file = writer_.Open("f");
    EXPECT_TRUE(file->TryLock(0, 1).value());
    EXPECT_EQ(writer_.Read(*file), "sent");
  });
}

TEST_F(ModelTest, A_change_of_size_that_comes_when_its_killed_process_s_file_is_closed_is_refused) {
  writer_.Do([&] { writer_.Write(*writer_.Open("f"), "whole"); });
  std::unique_ptr<File> held;
  reader_.Do([&] {
    held = reader_.Open("f", OpenMode::kRead);
    Scheduler::Get().At(Scheduler::Get().now() + kMicrosecond, [&] { world_.Kill(reader_.process()); });
    EXPECT_FALSE(held->Truncate(0).ok());
  });
  held.reset();
  Pass(kStalest);
  writer_.Do([&] { EXPECT_EQ(writer_.Read(*writer_.Open("f")), "whole"); });
}

TEST_F(ModelTest, A_frozen_hosts_monotonic_clock_goes_on_or_stands_still) {
  for (const bool stands : {false, true}) {
    const Time before = reader_.host().Monotonic();
    reader_.host().Freeze(stands);
    Pass(kSecond);
    reader_.host().Thaw();
    EXPECT_EQ(reader_.host().Monotonic() - before >= kSecond, !stands);
  }
}

TEST_F(ModelTest, A_failed_write_in_the_background_is_told_once_to_each_descriptor_and_its_data_dropped) {
  reader_.Do([&] {
    const std::unique_ptr<File> file = reader_.Open("f");
    const std::unique_ptr<File> other = reader_.Open("f");
    reader_.host().write_fails = true;
    (void)file->WriteAt(0, BytesOf("lost"));  // told now, or by the sync
    EXPECT_FALSE(file->Sync().ok() && other->Sync().ok());
    EXPECT_TRUE(file->Sync().ok());
    EXPECT_EQ(reader_.Read(*file, 3), "old");
  });
}

}  // namespace
}  // namespace sqlite_efs::sim
