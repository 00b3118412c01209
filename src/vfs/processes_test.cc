// Threads and processes that share one live database.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "sqlite_efs.h"
#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Is;
using testing::LiveTest;
using testing::Op;
using testing::SqliteDatabase;
using testing::Uri;
using testing::VfsFiles;

constexpr int kPrimary = 0xff;

class ProcessesTest : public LiveTest {
 protected:
  void SetUp() override {
    SqliteDatabase db = Open();
    ASSERT_EQ(db.Exec("CREATE TABLE t(a INTEGER, b INTEGER)"), SQLITE_OK);
  }
  SqliteDatabase OpenPatient() {
    SqliteDatabase db = Open("db.sqlite3", "timeout=120");
    sqlite3_busy_timeout(db.get(), 120'000);
    return db;
  }

  // Two rows for each transaction, so that half of one would show. 0 if all went well.
  int Insert(int who, int count) {
    SqliteDatabase db = OpenPatient();
    for (int i = 0; i < count; i++) {
      const std::string row = std::to_string(who) + ", " + std::to_string(i);
      const int rc = i % 2 == 0 ? db.Exec("INSERT INTO t VALUES (" + row + "), (" + row + ")")
                                : db.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (" + row +
                                          "); INSERT INTO t VALUES (" + row + "); COMMIT");
      if (rc != SQLITE_OK) {
        ADD_FAILURE() << rc << " " << db.message() << " " << sqlite_efs_last_error();
        return 1;
      }
    }
    return 0;
  }

  void ExpectRows(int writers, int count) {
    SqliteDatabase db = Open();
    EXPECT_EQ(db.Query("SELECT count(*), count(DISTINCT a * 100000 + b) FROM t"),
              std::to_string(2 * writers * count) + "|" + std::to_string(writers * count));
    EXPECT_EQ(db.Query("SELECT count(*) FROM (SELECT 1 FROM t GROUP BY a, b HAVING count(*) <> 2)"), "0");
    EXPECT_EQ(db.Query("PRAGMA integrity_check"), "ok");
  }

  // Runs `action` in a child of fork(); its pid.
  template <typename Action>
  static pid_t Child(Action&& action) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(300);
      ::_exit(action());
    }
    return child;
  }
  static int Wait(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }
};

TEST_F(ProcessesTest, Threads_write_and_read_at_the_same_time) {
  constexpr int kWriters = 4;
  constexpr int kCount = 40;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; i++) {
    readers.emplace_back([&] {
      SqliteDatabase db = Open("db.sqlite3", "timeout=0");
      int last = 0;
      while (!done) {
        const std::string answer = db.Query("SELECT count(*) FROM t");
        const int count = std::atoi(answer.c_str());
        ASSERT_EQ(answer.find("error"), std::string::npos) << answer;
        ASSERT_EQ(count % 2, 0) << "half a transaction";
        ASSERT_GE(count, last) << "a commit was seen, and then not";
        last = count;
      }
    });
  }
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; i++) writers.emplace_back([&, i] { Insert(i, kCount); });
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  ExpectRows(kWriters, kCount);
}

TEST_F(ProcessesTest, Threads_that_open_and_close_share_one_engine) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 15; k++) {
        SqliteDatabase db = OpenPatient();
        ASSERT_EQ(db.Exec("INSERT INTO t VALUES (" + std::to_string(i) + ", " + std::to_string(k) + "), (" +
                          std::to_string(i) + ", " + std::to_string(k) + ")"),
                  SQLITE_OK)
            << db.message();
        ASSERT_NE(db.Query("PRAGMA efs_status"), "");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectRows(4, 15);
}

TEST_F(ProcessesTest, Threads_meet_over_a_new_database) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&, i] {
      SqliteDatabase db(Uri(Path("new.sqlite3"), "timeout=120"));
      sqlite3_busy_timeout(db.get(), 120'000);
      ASSERT_EQ(db.open_result(), SQLITE_OK) << sqlite_efs_last_error();
      ASSERT_EQ(db.Exec("CREATE TABLE IF NOT EXISTS n(a)"), SQLITE_OK) << db.message() << sqlite_efs_last_error();
      ASSERT_EQ(db.Exec("INSERT INTO n VALUES (" + std::to_string(i) + ")"), SQLITE_OK) << db.message();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Open("new.sqlite3").Query("SELECT count(*), sum(a) FROM n"), "4|6");
}

TEST_F(ProcessesTest, Processes_write_at_the_same_time) {
  constexpr int kWriters = 4;
  constexpr int kCount = 40;
  std::vector<pid_t> children;
  for (int i = 0; i < kWriters; i++) children.push_back(Child([&] { return Insert(i, kCount); }));
  for (const pid_t child : children) EXPECT_EQ(Wait(child), 0);
  ExpectRows(kWriters, kCount);
}

TEST_F(ProcessesTest, Processes_meet_over_a_new_database) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; i++) {
    children.push_back(Child([&, i] {
      SqliteDatabase db(Uri(Path("new.sqlite3"), "timeout=120"));
      sqlite3_busy_timeout(db.get(), 120'000);
      if (db.open_result() != SQLITE_OK) return 1;
      if (db.Exec("CREATE TABLE IF NOT EXISTS n(a)") != SQLITE_OK) return 2;
      return db.Exec("INSERT INTO n VALUES (" + std::to_string(i) + ")") == SQLITE_OK ? 0 : 3;
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(Wait(child), 0);
  EXPECT_EQ(Open("new.sqlite3").Query("SELECT count(*), sum(a) FROM n"), "4|6");
}

TEST_F(ProcessesTest, A_killed_writer_leaves_its_transaction_wholly_or_not_at_all) {
  // Killed at each call of the commit on a file, before and after it.
  int committed = 0;
  int rounds = 0;
  for (const bool after : {false, true}) {
    for (int nth = 1; nth <= 60; nth++) {
      const pid_t child = Child([&] {
        SqliteDatabase db = OpenPatient();
        if (db.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (1, 1)") != SQLITE_OK) return 1;
        int calls = 0;
        const auto hook = [&](const Call&) -> sqlite_efs::Status {
          if (++calls == nth) ::raise(SIGKILL);
          return {};
        };
        after ? VfsFiles().After(hook) : VfsFiles().Before(hook);
        return db.Exec("COMMIT") == SQLITE_OK ? 0 : 2;
      });
      const int status = Wait(child);
      const std::string count = Open().Query("SELECT count(*) FROM t");
      ASSERT_TRUE(count == std::to_string(2 * committed) || count == std::to_string(2 * committed + 2)) << count;
      if (status == 0) {
        ASSERT_EQ(count, std::to_string(2 * committed + 2)) << "an acknowledged commit is lost";
      }
      ASSERT_TRUE(status == 0 || WIFSIGNALED(status)) << status;
      committed = std::atoi(count.c_str()) / 2;
      rounds++;
      if (status == 0) break;
    }
  }
  EXPECT_GT(rounds, 6);
  EXPECT_GT(committed, 2);
  EXPECT_EQ(Open().Query("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(Open().Exec("INSERT INTO t VALUES (2, 2)"), SQLITE_OK);
}

// --- fork

TEST_F(ProcessesTest, A_child_cannot_use_an_inherited_connection_but_its_own) {
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("INSERT INTO t VALUES (1, 1)"), SQLITE_OK);
  const int status = Wait(Child([&] {
    if ((db.Exec("INSERT INTO t VALUES (2, 2)") & kPrimary) != SQLITE_IOERR) return 1;
    if (db.Query("SELECT count(*) FROM t").find("error") == std::string::npos) return 2;
    if (std::string(sqlite_efs_last_error()).find("fork") == std::string::npos) return 3;
    SqliteDatabase own = Open();
    if (own.Exec("INSERT INTO t VALUES (3, 3)") != SQLITE_OK) return 4;
    if (own.Query("SELECT count(*) FROM t") != "2") return 5;
    db.Close();
    return own.Query("SELECT count(*) FROM t") == "2" ? 0 : 6;
  }));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(db.Query("SELECT sum(a) FROM t"), "4");
  EXPECT_EQ(db.Exec("INSERT INTO t VALUES (5, 5)"), SQLITE_OK) << db.message();
}

TEST_F(ProcessesTest, A_fork_in_a_transaction_leaves_it_to_the_parent) {
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1, 1)"), SQLITE_OK);
  const int status = Wait(Child([&] {
    db.Close();  // must neither commit nor give the parent's lease back
    SqliteDatabase own = Open("db.sqlite3", "timeout=0.05");
    if (own.Query("SELECT count(*) FROM t") != "0") return 1;
    return own.Exec("INSERT INTO t VALUES (2, 2)") == SQLITE_BUSY ? 0 : 2;
  }));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ASSERT_EQ(db.Exec("COMMIT"), SQLITE_OK) << db.message();
  EXPECT_EQ(Open().Query("SELECT sum(a) FROM t"), "1");
}

TEST_F(ProcessesTest, A_child_that_lives_on_does_not_keep_its_parents_lease) {
  std::array<int, 2> done;
  ASSERT_EQ(::pipe(done.data()), 0);
  const pid_t parent = Child([&] {
    SqliteDatabase db = Open();
    if (db.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1, 1)") != SQLITE_OK) return 1;
    if (::fork() == 0) {
      ::close(done[1]);
      char c = 0;
      (void)!::read(done[0], &c, 1);
      ::_exit(0);
    }
    ::raise(SIGKILL);
    return 2;
  });
  EXPECT_TRUE(WIFSIGNALED(Wait(parent)));
  SqliteDatabase db = Open("db.sqlite3", "timeout=120");
  EXPECT_EQ(db.Exec("INSERT INTO t VALUES (2, 2)"), SQLITE_OK) << sqlite_efs_last_error();
  EXPECT_EQ(db.Query("SELECT sum(a) FROM t"), "2");
  ::close(done[0]);
  ::close(done[1]);
}

TEST_F(ProcessesTest, A_child_forked_while_threads_write_works_on_its_own) {
  std::atomic<bool> done = false;
  std::thread writer([&] {
    SqliteDatabase db = OpenPatient();
    while (!done) {
      ASSERT_EQ(db.Exec("PRAGMA user_version=1"), SQLITE_OK) << db.message();
    }
  });
  // SQLite's own mutexes are held at a fork only for moments in which the writer is inside the engine's file system.
  std::atomic<bool> paused = false;
  std::atomic<bool> go_on = false;
  VfsFiles().Before([&](const Call& call) -> sqlite_efs::Status {
    if (!Is(call, Op::kTouch, "0000000001") || paused.exchange(true)) return {};  // in a commit
    while (!go_on) std::this_thread::yield();
    return {};
  });
  while (!paused) std::this_thread::yield();
  const pid_t child = Child([&] {
    VfsFiles().Clear();
    SqliteDatabase db = Open("db.sqlite3", "timeout=0.05");
    if (db.Query("SELECT count(*) FROM t") != "0") return 1;
    return db.Exec("INSERT INTO t VALUES (2, 2)") == SQLITE_BUSY ? 0 : 2;
  });
  EXPECT_EQ(Wait(child), 0);
  go_on = true;
  done = true;
  writer.join();
}

}  // namespace
}  // namespace sqlite_efs
