#include "lease/embedded_lease_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "lease/lease.h"
#include "testing/scripted_file_system.h"
#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using testing::Fail;
using testing::Op;
using testing::ReadWholeFile;
using testing::TempDirectory;
using testing::WriteWholeFile;

constexpr const char* kId = "01234567-89ab-4cde-8f01-23456789abcd";

class EmbeddedLeaseTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_ / "lease"; }
  std::unique_ptr<Lease> NewLease(const std::string& id = kId, FileSystem& files = PosixFileSystem()) {
    return std::make_unique<Lease>(std::make_unique<EmbeddedLeaseStore>(files, path(), 0644), SystemClock(), nullptr,
                                   LeaseOptions(), id, "/data/db.sqlite3");
  }
  static Instant In(Duration duration) { return SystemClock().Now() + duration; }
  std::optional<LeaseRecord> Peek() { return EmbeddedLeaseStore::Peek(PosixFileSystem(), path()); }

  // Takes the lease in a child that then is killed.
  void DieWithLease() {
    std::array<int, 2> ready;
    ASSERT_EQ(::pipe(ready.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto lease = NewLease();
      if (!lease->Acquire(In(milliseconds(0))).ok()) ::_exit(1);
      (void)!::write(ready[1], "x", 1);
      ::pause();
    }
    char c = 0;
    ASSERT_EQ(::read(ready[0], &c, 1), 1);
    EXPECT_TRUE(NewLease()->Acquire(In(milliseconds(5))).status().Is(StatusCode::kBusy));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(ready[0]);
    ::close(ready[1]);
  }

  const CleanRelease clean_ = {7, 0xfedcba9876543210, 12, EmbeddedLeaseStore::ReleaseNameOn(PosixFileSystem())};
  TempDirectory directory_;
};

TEST_F(EmbeddedLeaseTest, First_tenure_promises_nothing) {
  const auto lease = NewLease();
  const Result<std::optional<CleanRelease>> previous = lease->Acquire(In(milliseconds(0)));
  ASSERT_TRUE(previous.ok()) << previous.status().message();
  EXPECT_FALSE(previous->has_value());
  EXPECT_TRUE(lease->held());
  const std::optional<LeaseRecord> record = Peek();
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->database_id, kId);
  EXPECT_NE(record->lock_id, "");
  EXPECT_NE(record->holder.find(std::to_string(::getpid())), std::string::npos);
}

TEST_F(EmbeddedLeaseTest, Clean_release_is_told_to_the_next_holder) {
  const auto first = NewLease();
  ASSERT_TRUE(first->Acquire(In(milliseconds(0))).ok());
  ASSERT_TRUE(first->Release(clean_).ok());
  EXPECT_FALSE(first->held());
  EXPECT_EQ(Peek()->lock_id, "");
  const auto second = NewLease();
  const auto previous = second->Acquire(In(milliseconds(0)));
  ASSERT_TRUE(previous.ok());
  EXPECT_EQ(*previous, clean_);
  EXPECT_FALSE(Peek()->released.has_value()) << "a held lease promises nothing";
}

TEST_F(EmbeddedLeaseTest, Nobody_may_join_after) {
  struct Case {
    const char* what;
    std::function<void()> tenure;
  };
  const std::vector<Case> cases = {
      {"a release without a promise",
       [&] {
         const auto lease = NewLease();
         ASSERT_TRUE(lease->Acquire(In(milliseconds(0))).ok());
         ASSERT_TRUE(lease->Release(std::nullopt).ok());
       }},
      {"the end of the holder's object", [&] { ASSERT_TRUE(NewLease()->Acquire(In(milliseconds(0))).ok()); }},
      {"the holder's death", [&] { DieWithLease(); }},
      {"a tenure of another database",
       [&] {
         const auto lease = NewLease("11111111-89ab-4cde-8f01-23456789abcd");
         ASSERT_TRUE(lease->Acquire(In(milliseconds(0))).ok());
         ASSERT_TRUE(lease->Release(clean_).ok());
       }},
      {"a release to another store",
       [&] {
         const auto lease = NewLease();
         ASSERT_TRUE(lease->Acquire(In(milliseconds(0))).ok());
         CleanRelease elsewhere = clean_;
         elsewhere.store = "another";
         ASSERT_TRUE(lease->Release(elsewhere).ok());
       }},
      {"a release on another machine",
       [&] {
         const auto lease = NewLease();
         ASSERT_TRUE(lease->Acquire(In(milliseconds(0))).ok());
         CleanRelease elsewhere = clean_;
         elsewhere.store += "-of-another";
         ASSERT_TRUE(lease->Release(elsewhere).ok());
       }},
      {"garbage", [&] { WriteWholeFile(path(), std::string(100, 'x')); }},
      {"an empty record", [&] { WriteWholeFile(path(), ""); }},
      {"a lost record", [&] { ASSERT_EQ(::unlink(path().c_str()), 0); }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    {
      const auto lease = NewLease();
      ASSERT_TRUE(lease->Acquire(In(std::chrono::seconds(5))).ok());
      ASSERT_TRUE(lease->Release(clean_).ok());
    }
    c.tenure();
    const auto previous = NewLease()->Acquire(In(std::chrono::seconds(5)));
    ASSERT_TRUE(previous.ok()) << previous.status().message();
    EXPECT_FALSE(previous->has_value());
  }
}

TEST_F(EmbeddedLeaseTest, A_killed_holder_frees_the_lease_but_its_record_stays) {
  ASSERT_NO_FATAL_FAILURE(DieWithLease());
  const std::optional<LeaseRecord> record = Peek();
  ASSERT_TRUE(record.has_value());
  EXPECT_NE(record->lock_id, "") << "the record still says held";
  EXPECT_TRUE(NewLease()->Acquire(In(milliseconds(0))).ok());
}

TEST_F(EmbeddedLeaseTest, A_wait_ends_at_its_deadline_and_names_the_holder) {
  const auto holder = NewLease();
  ASSERT_TRUE(holder->Acquire(In(milliseconds(0))).ok());
  const auto waiting = NewLease();
  const Instant begun = SystemClock().Now();
  const auto refused = waiting->Acquire(begun + milliseconds(60));
  EXPECT_GE(SystemClock().Now() - begun, milliseconds(60));
  ASSERT_TRUE(refused.status().Is(StatusCode::kBusy));
  EXPECT_FALSE(waiting->held());
  EXPECT_EQ(refused.status().message().find("database is locked"), 0U) << refused.status().message();
  EXPECT_NE(refused.status().message().find("/data/db.sqlite3"), std::string::npos) << refused.status().message();
  EXPECT_NE(refused.status().message().find("process " + std::to_string(::getpid())), std::string::npos);
}

TEST_F(EmbeddedLeaseTest, A_waiter_gets_the_lease_when_it_is_released) {
  const auto holder = NewLease();
  ASSERT_TRUE(holder->Acquire(In(milliseconds(0))).ok());
  Result<std::optional<CleanRelease>> got = std::optional<CleanRelease>();
  std::thread waiter([&] { got = NewLease()->Acquire(In(std::chrono::seconds(30))); });
  SystemClock().Sleep(milliseconds(30));
  ASSERT_TRUE(holder->Release(clean_).ok());
  waiter.join();
  ASSERT_TRUE(got.ok()) << got.status().message();
  EXPECT_EQ(*got, clean_);
}

TEST_F(EmbeddedLeaseTest, Who_waits_is_served_before_the_last_holder_comes_back) {
  const auto holder = NewLease();
  ASSERT_TRUE(holder->Acquire(In(milliseconds(0))).ok());
  std::atomic<bool> has_ticket = false;
  testing::ScriptedFileSystem files(PosixFileSystem());
  files.After([&](const testing::Call& call) -> Status {
    if (call.op == Op::kWrite) has_ticket = true;
    return {};
  });
  std::atomic<bool> served = false;
  std::thread waiter([&] {
    const auto lease = NewLease(kId, files);
    EXPECT_TRUE(lease->Acquire(In(std::chrono::seconds(60))).ok());
    served = true;
  });
  while (!has_ticket) std::this_thread::yield();
  ASSERT_TRUE(holder->Release(clean_).ok());
  ASSERT_TRUE(holder->Acquire(In(std::chrono::seconds(60))).ok());
  EXPECT_TRUE(served);
  waiter.join();
}

TEST_F(EmbeddedLeaseTest, Who_gave_up_waiting_stands_in_nobodys_way) {
  const auto holder = NewLease();
  ASSERT_TRUE(holder->Acquire(In(milliseconds(0))).ok());
  const auto waiting = NewLease();
  ASSERT_TRUE(waiting->Acquire(In(milliseconds(10))).status().Is(StatusCode::kBusy));
  ASSERT_TRUE(holder->Release(clean_).ok());
  EXPECT_TRUE(NewLease()->Acquire(In(milliseconds(0))).ok());
}

TEST_F(EmbeddedLeaseTest, One_at_a_time) {
  int inside = 0;  // written under the lease only
  int total = 0;
  std::vector<std::thread> threads;
  std::mutex mutex;  // for the sanitizer: a lock between descriptors is no happens-before
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      const auto lease = NewLease();
      for (int k = 0; k < 50; k++) {
        ASSERT_TRUE(lease->Acquire(In(std::chrono::seconds(60))).ok());
        {
          const std::lock_guard lock(mutex);
          EXPECT_EQ(inside++, 0);
        }
        {
          const std::lock_guard lock(mutex);
          inside--;
          total++;
        }
        ASSERT_TRUE(lease->Release(clean_).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, 200);
}

TEST_F(EmbeddedLeaseTest, An_attempt_that_fails_holds_nothing) {
  testing::ScriptedFileSystem files(PosixFileSystem());
  const auto lease = NewLease(kId, files);
  files.Before(Fail(Op::kWrite, "lease", EIO));
  EXPECT_FALSE(lease->Acquire(In(milliseconds(0))).ok());
  EXPECT_FALSE(lease->held());
  EXPECT_TRUE(NewLease()->Acquire(In(milliseconds(0))).ok());
}

// On NFS a write that has returned may be refused later; then the next holder would find the release before.
TEST_F(EmbeddedLeaseTest, Is_held_only_once_the_server_has_the_record) {
  testing::ScriptedFileSystem files(PosixFileSystem());
  const auto lease = NewLease(kId, files);
  std::vector<Op> calls;
  files.After([&](const testing::Call& call) {
    if (call.op == Op::kWrite || call.op == Op::kSync) calls.push_back(call.op);
    return Status();
  });
  ASSERT_TRUE(lease->Acquire(In(milliseconds(0))).ok());
  EXPECT_EQ(calls, (std::vector<Op>{Op::kWrite, Op::kSync}));
  ASSERT_TRUE(lease->Release(clean_).ok());
  files.Before(Fail(Op::kSync, "lease", ENOSPC));
  EXPECT_TRUE(lease->Acquire(In(milliseconds(0))).status().Is(StatusCode::kFull));
  files.Clear();
  EXPECT_TRUE(NewLease()->Acquire(In(milliseconds(0))).ok()) << "nobody holds it";
}

TEST_F(EmbeddedLeaseTest, A_release_that_fails_ends_the_tenure_without_a_promise) {
  testing::ScriptedFileSystem files(PosixFileSystem());
  const auto lease = NewLease(kId, files);
  ASSERT_TRUE(lease->Acquire(In(milliseconds(0))).ok());
  files.Before(Fail(Op::kWrite, "lease", EIO));
  EXPECT_FALSE(lease->Release(clean_).ok());
  EXPECT_FALSE(lease->held());
  const auto next = NewLease()->Acquire(In(milliseconds(0)));
  ASSERT_TRUE(next.ok()) << next.status().message();
  EXPECT_FALSE(next->has_value());
}

TEST_F(EmbeddedLeaseTest, The_record_file_has_the_databases_permissions) {
  const mode_t umask = ::umask(077);
  const auto lease = std::make_unique<Lease>(std::make_unique<EmbeddedLeaseStore>(PosixFileSystem(), path(), 0664),
                                             SystemClock(), nullptr, LeaseOptions(), kId, "/data/db.sqlite3");
  ASSERT_TRUE(lease->Acquire(In(milliseconds(0))).ok());
  ::umask(umask);
  EXPECT_EQ(PosixFileSystem().Stat(path())->mode, 0664U);
  EXPECT_EQ(ReadWholeFile(path()).back(), '\n');
}

}  // namespace
}  // namespace sqlite_efs
