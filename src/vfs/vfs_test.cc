// Which files go to the engine and which do not; what SQLite is told about a live one; what is refused at open.
#include "vfs/vfs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "sqlite_efs.h"
#include "store/detach.h"
#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::EnvironmentOn;
using testing::Fill;
using testing::Is;
using testing::LiveTest;
using testing::Op;
using testing::Overwrite;
using testing::ReadWholeFile;
using testing::ScriptedFileSystem;
using testing::SqliteDatabase;
using testing::TempDirectory;
using testing::Uri;
using testing::WriteWholeFile;

constexpr int kPrimary = 0xff;

class VfsTest : public LiveTest {
 protected:
  void MakeStock(const std::string& name, const std::string& first = "") {
    SqliteDatabase db = OpenStock(name);
    ASSERT_EQ(db.Exec(first + "; CREATE TABLE t(a); INSERT INTO t VALUES (1)"), SQLITE_OK) << db.message();
  }
  void MakeLive(const std::string& name = "db.sqlite3") {
    SqliteDatabase db = Open(name);
    ASSERT_EQ(db.Exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)"), SQLITE_OK) << db.message();
  }
  bool Live(const std::string& name) { return IsLive(PosixFileSystem(), Path(name)); }

  // That opening, or the first use, fails with `code`, and that the reason names `words`.
  void ExpectRefused(const std::string& uri, int code, const std::vector<std::string>& words,
                     int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) {
    SCOPED_TRACE(uri);
    sqlite_efs_clear_error();
    SqliteDatabase db(uri, nullptr, flags);
    const int rc = db.open_result() == SQLITE_OK ? db.Exec("SELECT count(*) FROM sqlite_schema") : db.open_result();
    EXPECT_EQ(rc & kPrimary, code) << db.message();
    for (const std::string& word : words) {
      EXPECT_NE(std::string(sqlite_efs_last_error()).find(word), std::string::npos)
          << "\"" << word << "\" is not in: " << sqlite_efs_last_error();
    }
  }

  static sqlite3_vfs* Vfs() { return sqlite3_vfs_find("efs"); }
};

// --- which files are live

TEST_F(VfsTest, A_new_file_becomes_live_with_its_first_commit) {
  SqliteDatabase db = Open();
  EXPECT_EQ(db.Query("SELECT count(*) FROM sqlite_schema"), "0");
  EXPECT_FALSE(Live("db.sqlite3"));
  EXPECT_EQ(nlohmann::json::parse(db.Query("PRAGMA efs_status"))["state"], "new");
  ASSERT_EQ(db.Exec("CREATE TABLE t(a)"), SQLITE_OK) << db.message();
  EXPECT_TRUE(Live("db.sqlite3"));
  EXPECT_EQ(nlohmann::json::parse(db.Query("PRAGMA efs_status"))["state"], "live");
  EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"db.sqlite3", "db.sqlite3-wal"}));
}

TEST_F(VfsTest, An_ordinary_database_is_attached_on_first_use) {
  for (const char* pragma : {"PRAGMA journal_mode=DELETE", "PRAGMA journal_mode=WAL", "PRAGMA auto_vacuum=FULL",
                             "PRAGMA encoding='UTF-16le'", "PRAGMA page_size=65536", "PRAGMA page_size=512"}) {
    SCOPED_TRACE(pragma);
    const std::string name = std::string("db") + std::to_string(std::hash<std::string>()(pragma)) + ".sqlite3";
    ASSERT_NO_FATAL_FAILURE(MakeStock(name, pragma));
    EXPECT_FALSE(Live(name));
    SqliteDatabase db = Open(name);
    EXPECT_EQ(db.Query("SELECT a FROM t"), "1");
    EXPECT_TRUE(Live(name));
    EXPECT_EQ(db.Query("INSERT INTO t VALUES (2); SELECT 0"), "");
    EXPECT_EQ(db.Query("SELECT sum(a) FROM t"), "3");
    EXPECT_EQ(db.Query("PRAGMA integrity_check"), "ok");
  }
}

TEST_F(VfsTest, A_wal_that_a_crash_left_is_recovered_when_the_database_is_attached) {
  {
    SqliteDatabase db = OpenStock("source.sqlite3");
    ASSERT_EQ(db.Exec("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)"), SQLITE_OK);
    WriteWholeFile(Path("db.sqlite3"), ReadWholeFile(Path("source.sqlite3")));
    WriteWholeFile(Path("db.sqlite3-wal"), ReadWholeFile(Path("source.sqlite3-wal")));
  }
  SqliteDatabase db = Open();
  EXPECT_EQ(db.Query("SELECT sum(a) FROM t"), "3");
  EXPECT_TRUE(Live("db.sqlite3"));
}

TEST_F(VfsTest, A_hot_journal_is_played_back_when_the_database_is_attached) {
  ASSERT_NO_FATAL_FAILURE(MakeStock("db.sqlite3"));
  const pid_t child = ::fork();
  if (child == 0) {
    SqliteDatabase db = OpenStock("db.sqlite3");
    db.Exec("PRAGMA cache_size=1; BEGIN; UPDATE t SET a = 99; CREATE TABLE u(a, b)");
    db.Exec(Fill(1000, 'x', 1000, "u"));  // spills: the old pages are in the journal only
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_EQ(::access(Path("db.sqlite3-journal").c_str(), F_OK), 0);
  SqliteDatabase db = Open();
  EXPECT_EQ(db.Query("SELECT a FROM t"), "1");
  EXPECT_EQ(db.Query("PRAGMA integrity_check"), "ok");
  EXPECT_TRUE(Live("db.sqlite3"));
}

// A connection that stays open does not keep others of its process from finishing a detach.
TEST_F(VfsTest, A_detach_that_was_broken_off_is_finished_while_another_connection_is_open) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase first = Open();
  ASSERT_EQ(first.Query("SELECT a FROM t"), "1");
  ScriptedFileSystem files(PosixFileSystem());
  bool is_dead = false;
  files.Before([&](const Call& call) {
    is_dead = is_dead || Is(call, Op::kRename, "/id");
    return is_dead ? Status::IoError("(it is dead)") : Status();
  });
  ASSERT_TRUE(DetachDatabase(EnvironmentOn(files), Path(), std::chrono::seconds(5), {}).ok());
  ASSERT_TRUE(*IsDetached(PosixFileSystem(), Layout(Path())));
  EXPECT_NE(first.Exec("SELECT a FROM t"), SQLITE_OK);
  SqliteDatabase second = Open();
  EXPECT_EQ(second.Query("SELECT a FROM t"), "1");
  EXPECT_EQ(second.Exec("INSERT INTO t VALUES (2)"), SQLITE_OK) << second.message();
  EXPECT_EQ(first.Query("SELECT sum(a) FROM t"), "3");
}

TEST_F(VfsTest, A_database_whose_detach_was_broken_off_between_the_two_versions_is_attached_again) {
  MakeStock("db.sqlite3", "PRAGMA journal_mode=WAL");
  Overwrite(Path(), kWriteVersionOffset, std::string(1, static_cast<char>(kVersionRollback)));
  SqliteDatabase db = Open();
  EXPECT_EQ(db.Query("SELECT a FROM t"), "1");
  EXPECT_TRUE(Live("db.sqlite3"));
}

TEST_F(VfsTest, A_path_that_cannot_be_resolved_is_named) {
  WriteWholeFile(Path("file"), "");
  ExpectRefused(Uri(Path("file") + "/db.sqlite3"), SQLITE_CANTOPEN, {Path("file") + "/db.sqlite3"});
}

TEST_F(VfsTest, A_database_that_another_program_uses_is_not_attached) {
  ASSERT_NO_FATAL_FAILURE(MakeStock("db.sqlite3"));
  SqliteDatabase other = OpenStock("db.sqlite3");
  ASSERT_EQ(other.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)"), SQLITE_OK);
  ExpectRefused(Uri(Path("db.sqlite3")), SQLITE_BUSY, {Path("db.sqlite3"), "close"});
  EXPECT_FALSE(Live("db.sqlite3"));
  ASSERT_EQ(other.Exec("COMMIT"), SQLITE_OK);
  other.Close();
  EXPECT_EQ(Open().Query("SELECT sum(a) FROM t"), "3");
}

TEST_F(VfsTest, Stock_sqlite_is_refused_and_changes_nothing) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  const std::string before = ReadWholeFile(Path());
  for (const char* uri : {"", "?mode=ro", "?nolock=1", "?vfs=unix-excl", "?vfs=unix-none", "?vfs=unix-dotfile",
                          "?cache=private", "?psow=0"}) {
    for (const char* sql : {"SELECT * FROM t", "INSERT INTO t VALUES (2)", "VACUUM", "PRAGMA journal_mode=DELETE",
                            "PRAGMA locking_mode=EXCLUSIVE; SELECT * FROM t"}) {
      std::string name = "file:" + Path() + uri;
      if (name.find("vfs=") == std::string::npos) name += std::string(uri[0] == '\0' ? "?" : "&") + "vfs=unix";
      SqliteDatabase db(name);
      if (db.open_result() != SQLITE_OK) continue;
      if (std::string(sql).find("journal_mode") == std::string::npos) {
        EXPECT_NE(db.Exec(sql), SQLITE_OK) << uri << " " << sql;
      } else {
        db.Exec(sql);
      }
    }
  }
  EXPECT_EQ(ReadWholeFile(Path()), before);
  EXPECT_EQ(Open().Query("SELECT a FROM t"), "1");
}

TEST_F(VfsTest, An_attached_ordinary_file_does_not_become_live) {
  ASSERT_NO_FATAL_FAILURE(MakeStock("plain.sqlite3"));
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("CREATE TABLE t(a); ATTACH '" + Path("plain.sqlite3") + "' AS plain"), SQLITE_OK) << db.message();
  ASSERT_EQ(db.Exec("INSERT INTO plain.t VALUES (2)"), SQLITE_OK) << db.message();
  ASSERT_EQ(db.Exec("ATTACH '" + Path("new.sqlite3") + "' AS new; CREATE TABLE new.u(a)"), SQLITE_OK) << db.message();
  EXPECT_FALSE(Live("plain.sqlite3"));
  EXPECT_FALSE(Live("new.sqlite3"));
  EXPECT_EQ(OpenStock("plain.sqlite3").Query("SELECT sum(a) FROM t"), "3");
  EXPECT_EQ(OpenStock("new.sqlite3").Query("SELECT count(*) FROM u"), "0");
  ASSERT_EQ(db.Exec("ATTACH '" + Uri(Path("third.sqlite3")) + "' AS third; CREATE TABLE third.u(a)"), SQLITE_OK);
  EXPECT_TRUE(Live("third.sqlite3"));
}

// Stock SQLite would write a journal that nobody removes.
TEST_F(VfsTest, A_new_file_that_is_open_here_is_served_under_its_plain_name_too) {
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("ATTACH '" + Path() + "' AS again; CREATE TABLE again.t(a); INSERT INTO again.t VALUES (1)"),
            SQLITE_OK)
      << db.message();
  EXPECT_TRUE(Live("db.sqlite3"));
  EXPECT_EQ(db.Query("SELECT a FROM main.t"), "1");
  EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"db.sqlite3", "db.sqlite3-wal"}));
}

// Else it would be played back, and what was committed be lost.
TEST_F(VfsTest, The_journal_of_an_ordinary_connection_is_deleted_though_another_has_the_new_file_open_here) {
  SqliteDatabase ordinary(Path(), "efs");
  ASSERT_EQ(ordinary.Exec("BEGIN; CREATE TABLE t(a); INSERT INTO t VALUES (1)"), SQLITE_OK) << ordinary.message();
  const SqliteDatabase db = Open();
  ASSERT_EQ(ordinary.Exec("COMMIT"), SQLITE_OK) << ordinary.message();
  EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"db.sqlite3"}));
  ASSERT_EQ(ordinary.Exec("INSERT INTO t VALUES (2)"), SQLITE_OK) << ordinary.message();
  EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"db.sqlite3"}));
  EXPECT_EQ(OpenStock("db.sqlite3").Query("SELECT count(*) FROM t"), "2");
}

TEST_F(VfsTest, Vacuum_into_makes_an_ordinary_file) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("VACUUM INTO '" + Path("copy.sqlite3") + "'"), SQLITE_OK) << db.message();
  EXPECT_FALSE(Live("copy.sqlite3"));
  SqliteDatabase copy = OpenStock("copy.sqlite3");
  EXPECT_EQ(copy.Query("SELECT a FROM t"), "1");
  EXPECT_EQ(copy.Query("PRAGMA journal_mode"), "delete");
  EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"copy.sqlite3", "db.sqlite3", "db.sqlite3-wal"}));
}

TEST_F(VfsTest, As_the_default_live_files_go_to_the_engine_and_others_pass_through) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  ASSERT_NO_FATAL_FAILURE(MakeStock("plain.sqlite3"));
  sqlite3_vfs* const stock = sqlite3_vfs_find(nullptr);
  ASSERT_EQ(sqlite_efs_register(1), SQLITE_OK);
  EXPECT_EQ(sqlite3_vfs_find(nullptr), Vfs());
  {
    SqliteDatabase live(Path());
    EXPECT_EQ(live.Query("SELECT a FROM t"), "1");
    EXPECT_EQ(live.Query("PRAGMA journal_mode"), "wal");
    EXPECT_NE(live.Query("PRAGMA efs_status"), "");
    EXPECT_EQ(live.Exec("INSERT INTO t VALUES (2)"), SQLITE_OK);
    SqliteDatabase plain(Path("plain.sqlite3"));
    EXPECT_EQ(plain.Exec("INSERT INTO t VALUES (2)"), SQLITE_OK);
    EXPECT_EQ(plain.Query("PRAGMA efs_status"), "");
    EXPECT_EQ(plain.Query("PRAGMA journal_mode=WAL"), "wal");
    EXPECT_EQ(plain.Query("SELECT count(*) FROM t"), "2");
    EXPECT_EQ(::access(Path("plain.sqlite3-wal").c_str(), F_OK), 0);
    SqliteDatabase fresh(Path("fresh.sqlite3"));
    EXPECT_EQ(fresh.Exec("CREATE TABLE t(a)"), SQLITE_OK);
    SqliteDatabase memory(":memory:");
    EXPECT_EQ(memory.Exec("CREATE TABLE t(a)"), SQLITE_OK);
    SqliteDatabase nameless("");
    EXPECT_EQ(nameless.Exec("CREATE TABLE t(a)"), SQLITE_OK);
  }
  EXPECT_FALSE(Live("plain.sqlite3"));
  EXPECT_FALSE(Live("fresh.sqlite3"));
  ASSERT_EQ(sqlite3_vfs_register(stock, 1), SQLITE_OK);
  EXPECT_EQ(OpenStock("plain.sqlite3").Query("SELECT count(*) FROM t"), "2");
}

// --- what SQLite is told

TEST_F(VfsTest, Io_methods_offer_neither_shared_memory_nor_mapping_nor_atomic_writes) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  EXPECT_EQ(db.file()->pMethods->iVersion, 1);
  const int characteristics = db.file()->pMethods->xDeviceCharacteristics(db.file());
  EXPECT_EQ(characteristics & (SQLITE_IOCAP_ATOMIC | 0x1fe | SQLITE_IOCAP_BATCH_ATOMIC | SQLITE_IOCAP_IMMUTABLE), 0);
}

TEST_F(VfsTest, File_format_versions_read_as_rollback_mode_whatever_is_on_disk) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  EXPECT_EQ(ReadWholeFile(Path()).substr(18, 2), "\2\2");
  const auto versions = [&](int offset, int size) {
    std::string bytes(static_cast<size_t>(size), '\0');
    EXPECT_EQ(db.file()->pMethods->xRead(db.file(), bytes.data(), size, offset), SQLITE_OK);
    return bytes;
  };
  EXPECT_EQ(versions(18, 2), "\1\1");
  EXPECT_EQ(versions(0, 100).substr(18, 2), "\1\1");
  EXPECT_EQ(versions(0, 4096).substr(18, 2), "\1\1");
  EXPECT_EQ(versions(19, 1), "\1");
  ASSERT_EQ(db.Exec("BEGIN; SELECT * FROM t"), SQLITE_OK);
  EXPECT_EQ(versions(18, 2), "\1\1");
  ASSERT_EQ(db.Exec("INSERT INTO t VALUES (2); COMMIT"), SQLITE_OK);
  EXPECT_EQ(versions(18, 2), "\1\1");
  SqliteDatabase stock = testing::OpenStockCopy(Path(), Path("stock.sqlite3"));
  EXPECT_EQ(stock.Query("SELECT sum(a) FROM t"), "3");
  EXPECT_EQ(stock.Query("PRAGMA journal_mode"), "wal");
}

TEST_F(VfsTest, No_journal_is_on_disk_during_a_transaction) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("CREATE TABLE u(a, b); PRAGMA cache_size=10; BEGIN; UPDATE t SET a = 2"), SQLITE_OK);
  for (int i = 0; i < 2; i++) {
    ASSERT_EQ(db.Exec(Fill(4000, 'x', 3000, "u")), SQLITE_OK) << db.message();
    ASSERT_EQ(db.Exec("UPDATE u SET b = replace(b, 'x', 'y')"), SQLITE_OK) << db.message();
    EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"db.sqlite3", "db.sqlite3-wal"}));
  }
  ASSERT_EQ(db.Exec("ROLLBACK"), SQLITE_OK) << db.message();
  EXPECT_EQ(db.Query("SELECT a, (SELECT count(*) FROM u) FROM t"), "1|0");
}

TEST_F(VfsTest, Journals_and_wals_of_live_files_do_not_exist) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  WriteWholeFile(Path("db.sqlite3-journal"), "a journal that somebody put there");
  int exists = 1;
  for (const char* suffix : {"-journal", "-wal"}) {
    exists = 1;
    EXPECT_EQ(Vfs()->xAccess(Vfs(), Path("db.sqlite3" + std::string(suffix)).c_str(), SQLITE_ACCESS_EXISTS, &exists),
              SQLITE_OK);
    EXPECT_EQ(exists, 0) << suffix;
  }
  EXPECT_EQ(Vfs()->xAccess(Vfs(), Path().c_str(), SQLITE_ACCESS_EXISTS, &exists), SQLITE_OK);
  EXPECT_NE(exists, 0);
  WriteWholeFile(Path("other-journal"), "x");
  EXPECT_EQ(Vfs()->xAccess(Vfs(), Path("other-journal").c_str(), SQLITE_ACCESS_EXISTS, &exists), SQLITE_OK);
  EXPECT_NE(exists, 0) << "that of another file does";
  EXPECT_EQ(db.Query("SELECT a FROM t"), "1");
}

TEST_F(VfsTest, A_journal_beside_a_live_base_is_reported_at_open) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  for (const std::string& harmless : {std::string(), std::string(512, '\0')}) {
    WriteWholeFile(Path("db.sqlite3-journal"), harmless);
    EXPECT_EQ(Open().Query("SELECT a FROM t"), "1");
  }
  WriteWholeFile(Path("db.sqlite3-journal"),
                 std::string("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8) + std::string(600, 'x'));
  ExpectRefused(Uri(Path()), SQLITE_CANTOPEN, {Path("db.sqlite3-journal"), "move it away"});
}

TEST_F(VfsTest, Wal_files_are_not_opened) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  const char* const name = sqlite3_filename_wal(sqlite3_db_filename(db.get(), "main"));
  std::vector<char> file(static_cast<size_t>(Vfs()->szOsFile));
  auto* const sqlite_file = reinterpret_cast<sqlite3_file*>(file.data());
  EXPECT_EQ(
      Vfs()->xOpen(Vfs(), name, sqlite_file, SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) &
          kPrimary,
      SQLITE_CANTOPEN);
  EXPECT_EQ(sqlite_file->pMethods, nullptr);
}

TEST_F(VfsTest, Wal_mode_through_another_database_is_not_entered) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase memory(":memory:");
  ASSERT_EQ(memory.Exec("ATTACH '" + Uri(Path()) + "' AS live; PRAGMA locking_mode=EXCLUSIVE"), SQLITE_OK);
  memory.Exec("PRAGMA journal_mode=WAL");
  memory.Close();
  EXPECT_TRUE(Live("db.sqlite3"));
  SqliteDatabase db = Open();
  EXPECT_EQ(db.Exec("INSERT INTO t VALUES (2)"), SQLITE_OK) << db.message();
  EXPECT_EQ(db.Query("SELECT sum(a) FROM t"), "3");
  EXPECT_EQ(testing::OpenStockCopy(Path(), Path("stock.sqlite3")).Query("SELECT sum(a) FROM t"), "3");
}

TEST_F(VfsTest, Pragmas) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  struct Case {
    const char* sql;
    const char* answer;
  };
  for (const Case& c :
       {Case{"PRAGMA journal_mode", "wal"}, Case{"PRAGMA journal_mode=DELETE", "wal"},
        Case{"PRAGMA journal_mode=OFF", "wal"}, Case{"PRAGMA main.journal_mode=WAL", "wal"},
        Case{"PRAGMA locking_mode", "normal"}, Case{"PRAGMA locking_mode=EXCLUSIVE", "normal"},
        Case{"PRAGMA mmap_size", "0"}, Case{"PRAGMA mmap_size=1000000", "0"}, Case{"PRAGMA page_size", "4096"},
        Case{"PRAGMA page_size=4096", ""}, Case{"PRAGMA wal_checkpoint", "0|-1|-1"},
        Case{"PRAGMA wal_checkpoint(TRUNCATE)", "0|-1|-1"}, Case{"PRAGMA synchronous=OFF", ""},
        Case{"PRAGMA quick_check", "ok"}, Case{"PRAGMA efs_prepare", "ready"}}) {
    EXPECT_EQ(db.Query(c.sql), c.answer) << c.sql;
  }
  EXPECT_EQ(db.Exec("INSERT INTO t VALUES (2)"), SQLITE_OK);
  EXPECT_EQ(Open().Query("SELECT sum(a) FROM t"), "3");
}

TEST_F(VfsTest, Status_is_one_json_object) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open("db.sqlite3", "cache_mib=3");
  ASSERT_EQ(db.Exec("BEGIN IMMEDIATE"), SQLITE_OK);
  nlohmann::json status = nlohmann::json::parse(db.Query("PRAGMA efs_status"));
  ASSERT_EQ(db.Exec("COMMIT"), SQLITE_OK);
  EXPECT_EQ(status["version"], SQLITE_EFS_VERSION);
  EXPECT_EQ(status["path"], Path());
  EXPECT_EQ(std::string(status["database_id"]) + "\n", ReadWholeFile(Path() + "-wal/id"));
  EXPECT_EQ(status["state"], "live");
  EXPECT_EQ(status["read_only"], false);
  EXPECT_EQ(status["page_size"], 4096);
  EXPECT_EQ(status["page_count"], 2);
  EXPECT_EQ(status["segment"]["number"], 1);
  EXPECT_EQ(status["segment"]["first"], 1);
  EXPECT_GE(status["segment"]["frames"], 2);
  EXPECT_GT(status["segment"]["bytes"], 8192);
  EXPECT_EQ(status["segment"]["salt"].get<std::string>().size(), 16U);
  EXPECT_EQ(status["snapshot"]["segment"], 1);
  EXPECT_EQ(status["snapshot"]["frames"], status["segment"]["frames"]);
  EXPECT_EQ(status["snapshot"]["age_frames"], 0);
  EXPECT_EQ(status["lease"]["store"], "embedded");
  EXPECT_EQ(status["lease"]["held"], true);
  EXPECT_EQ(status["lease"]["by_this_connection"], true);
  for (const char* name : {"capacity_bytes", "bytes", "hits", "misses"}) EXPECT_TRUE(status["cache"].contains(name));
  for (const char* name : {"looks", "scans", "frames_read", "pages_from_log", "pages_from_base", "commits",
                           "frames_written", "conflicts", "upgrades", "lease_acquisitions", "lease_waits", "seals"}) {
    EXPECT_TRUE(status["counters"].contains(name)) << name;
  }
  EXPECT_TRUE(status.contains("last_error"));
}

TEST_F(VfsTest, A_change_of_page_size_is_refused_clearly) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  const std::string answer = db.Query("PRAGMA page_size=8192");
  EXPECT_EQ(answer.substr(0, 7), "error 1") << answer;
  EXPECT_NE(answer.find("detach"), std::string::npos) << answer;
  EXPECT_EQ(db.Exec("VACUUM"), SQLITE_OK) << db.message();
  EXPECT_EQ(db.Query("PRAGMA page_size"), "4096");
  EXPECT_EQ(db.Query("SELECT a FROM t"), "1");
}

TEST_F(VfsTest, The_page_size_of_a_new_database_can_be_chosen) {
  for (uint32_t size = kMinPageSize; size <= kMaxPageSize; size *= 2) {
    const std::string name = std::to_string(size) + ".sqlite3";
    SqliteDatabase db = Open(name);
    EXPECT_EQ(db.Query("PRAGMA page_size=" + std::to_string(size)), "");
    ASSERT_EQ(db.Exec("CREATE TABLE t(a, b)"), SQLITE_OK) << db.message();
    ASSERT_EQ(db.Exec(Fill(300, 'x')), SQLITE_OK) << db.message();
    SqliteDatabase second = Open(name);
    EXPECT_EQ(second.Query("PRAGMA page_size"), std::to_string(size));
    EXPECT_EQ(second.Query("SELECT count(*), sum(length(b)) FROM t"), "300|300000");
    EXPECT_EQ(second.Query("PRAGMA integrity_check"), "ok");
    SqliteDatabase stock = testing::OpenStockCopy(Path(name), Path("stock.sqlite3"));
    EXPECT_EQ(stock.Query("SELECT count(*), sum(length(b)) FROM t"), "300|300000");
    EXPECT_EQ(stock.Query("PRAGMA integrity_check"), "ok");
  }
}

// --- URI parameters

TEST_F(VfsTest, Parameters_that_are_unknown_or_wrong_are_refused_at_open) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  for (const char* bad :
       {"timeot=5", "timeout=-1", "timeout=x", "timeout=", "timeout=1s", "timeout=3601", "cache_mib=0", "cache_mib=1.5",
        "cache_mib=99999999999999999999", "lock_max_attempts=0", "lock_expiration=never", "lock_dynamodb_table=t",
        "nolock=1", "immutable=1", "immutable=on"}) {
    ExpectRefused(Uri(Path(), bad), SQLITE_CANTOPEN, {std::string(bad).substr(0, std::string(bad).find('='))});
  }
  for (const char* good : {"timeout=0", "timeout=0.5", "timeout=3600", "cache_mib=1", "lock_max_attempts=1000000",
                           "lock_expiration=86400", "lock_dynamodb_table=", "mode=rw", "mode=ro", "cache=private",
                           "psow=1", "nolock=0", "immutable=0", "timeout=1&cache_mib=2"}) {
    EXPECT_EQ(Open("db.sqlite3", good).Query("SELECT a FROM t"), "1") << good;
  }
}

TEST_F(VfsTest, What_lies_behind_a_name_that_is_no_uri_is_not_read) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  std::array<const char*, 2> parameter = {"wrong", "value"};
  const std::unique_ptr<const char, void (*)(const char*)> name(
      sqlite3_create_filename(Path().c_str(), "", "", 1, parameter.data()), &sqlite3_free_filename);
  std::vector<char> memory(static_cast<size_t>(Vfs()->szOsFile));
  auto* const file = reinterpret_cast<sqlite3_file*>(memory.data());
  constexpr int kFlags = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READWRITE;
  EXPECT_EQ(Vfs()->xOpen(Vfs(), name.get(), file, kFlags | SQLITE_OPEN_URI, nullptr), SQLITE_CANTOPEN);
  ASSERT_EQ(Vfs()->xOpen(Vfs(), name.get(), file, kFlags, nullptr), SQLITE_OK) << sqlite_efs_last_error();
  EXPECT_EQ(file->pMethods->xClose(file), SQLITE_OK);
}

TEST_F(VfsTest, The_environment_gives_defaults_and_is_checked_too) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  ASSERT_EQ(::setenv("SQLITE_EFS_TIMEOUT", "soon", 1), 0);
  ExpectRefused(Uri(Path()), SQLITE_CANTOPEN, {"SQLITE_EFS_TIMEOUT", "soon"});
  EXPECT_EQ(Open("db.sqlite3", "timeout=1").Query("SELECT a FROM t"), "1") << "the URI goes first";
  ASSERT_EQ(::setenv("SQLITE_EFS_TIMEOUT", "0.1", 1), 0);
  SqliteDatabase holder = Open();
  ASSERT_EQ(holder.Exec("BEGIN IMMEDIATE"), SQLITE_OK);
  EXPECT_EQ(Open().Exec("BEGIN IMMEDIATE"), SQLITE_BUSY);
  ASSERT_EQ(::unsetenv("SQLITE_EFS_TIMEOUT"), 0);
}

// --- read-only

TEST_F(VfsTest, Mode_ro_reads_what_others_commit_and_writes_nothing) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase reader = Open("db.sqlite3", "mode=ro");
  EXPECT_EQ(reader.Query("SELECT a FROM t"), "1");
  EXPECT_EQ(reader.Exec("INSERT INTO t VALUES (2)") & kPrimary, SQLITE_READONLY);
  ASSERT_EQ(Open().Exec("INSERT INTO t VALUES (2)"), SQLITE_OK);
  EXPECT_EQ(reader.Query("SELECT sum(a) FROM t"), "3");
  SqliteDatabase missing(Uri(Path("missing.sqlite3"), "mode=ro"));
  EXPECT_NE(missing.open_result(), SQLITE_OK);
  SqliteDatabase not_created(Uri(Path("missing.sqlite3"), "mode=rw"));
  EXPECT_NE(not_created.open_result(), SQLITE_OK);
  EXPECT_NE(::access(Path("missing.sqlite3").c_str(), F_OK), 0);
}

TEST_F(VfsTest, Mode_ro_of_an_ordinary_database_is_refused_with_a_remedy) {
  ASSERT_NO_FATAL_FAILURE(MakeStock("db.sqlite3"));
  ExpectRefused(Uri(Path(), "mode=ro"), SQLITE_CANTOPEN, {Path(), "attach"}, SQLITE_OPEN_READONLY);
  EXPECT_FALSE(Live("db.sqlite3"));
}

TEST_F(VfsTest, On_Lambda_nothing_is_written_under_the_embedded_lease) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  ASSERT_NO_FATAL_FAILURE(MakeStock("ordinary.sqlite3"));
  ASSERT_EQ(::setenv("AWS_LAMBDA_FUNCTION_NAME", "polls", 1), 0);
  SqliteDatabase db = Open();
  EXPECT_EQ(db.Query("SELECT count(*) FROM t"), "1");
  for (const char* write : {"INSERT INTO t VALUES (2)", "BEGIN IMMEDIATE", "PRAGMA wal_checkpoint"}) {
    EXPECT_EQ(db.Exec(write) & kPrimary, SQLITE_READONLY) << write;
    EXPECT_NE(std::string(sqlite_efs_last_error()).find("SQLITE_LOCK_DYNAMODB_TABLE"), std::string::npos) << write;
  }
  ExpectRefused(Uri(Path("ordinary.sqlite3")), SQLITE_CANTOPEN, {"SQLITE_LOCK_DYNAMODB_TABLE"});
  EXPECT_FALSE(Live("ordinary.sqlite3"));
  ASSERT_EQ(::unsetenv("AWS_LAMBDA_FUNCTION_NAME"), 0);
  EXPECT_EQ(db.Query("SELECT count(*) FROM t"), "1");
}

// --- bad files

TEST_F(VfsTest, Bad_files_are_refused_each_with_its_reason_and_nothing_is_written) {
  struct Case {
    const char* what;
    std::function<void()> spoil;  // of a live database
    int code;
    std::vector<std::string> words;
  };
  const std::string log = Path() + "-wal";
  const auto many_commits = [&] {
    SqliteDatabase db = Open();
    for (int i = 0; i < 10; i++) ASSERT_EQ(db.Exec("UPDATE t SET a = a"), SQLITE_OK);
  };
  const std::vector<Case> cases = {
      {"a garbage id",
       [&] {
         ASSERT_EQ(::chmod((log + "/id").c_str(), 0644), 0);
         WriteWholeFile(log + "/id", "garbage");
       },
       SQLITE_CANTOPEN,
       {log + "/id", "restore"}},
      {"a missing id", [&] { ASSERT_EQ(::unlink((log + "/id").c_str()), 0); }, SQLITE_CANTOPEN, {log + "/id"}},
      {"a missing segment",
       [&] { ASSERT_EQ(::rename((log + "/0000000001").c_str(), Path("moved").c_str()), 0); },
       SQLITE_CANTOPEN,
       {log, "restore"}},
      {"a segment missing between others",
       [&] { WriteWholeFile(log + "/0000000003", ReadWholeFile(log + "/0000000001")); },
       SQLITE_CANTOPEN,
       {log + "/0000000002", "missing"}},
      {"a damaged segment header",
       [&] { Overwrite(log + "/0000000001", 8, "xxxx"); },
       SQLITE_CORRUPT,
       {log + "/0000000001", "header"}},
      {"a damaged frame",
       [&] {
         many_commits();
         Overwrite(log + "/0000000001", kWalHeaderSize + 2000, "damage");
       },
       SQLITE_CORRUPT,
       {log + "/0000000001", "frame 1 "}},
      {"a truncated base",
       [&] { ASSERT_EQ(::truncate(Path().c_str(), 1000), 0); },
       SQLITE_CORRUPT,
       {Path(), "truncated"}},
      {"a base that is no database", [&] { WriteWholeFile(Path(), std::string(8192, 'x')); }, SQLITE_NOTADB, {Path()}},
      {"an empty base", [&] { WriteWholeFile(Path(), ""); }, SQLITE_NOTADB, {Path()}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    std::filesystem::remove_all(Path());
    std::filesystem::remove_all(log);
    std::filesystem::remove_all(Path("moved"));
    ASSERT_NO_FATAL_FAILURE(MakeLive());
    ASSERT_NO_FATAL_FAILURE(c.spoil());
    const std::vector<std::string> names = TempDirectory::Names(log);
    const std::string base = ReadWholeFile(Path());
    ExpectRefused(Uri(Path()), c.code, c.words);
    EXPECT_EQ(TempDirectory::Names(log), names);
    EXPECT_EQ(ReadWholeFile(Path()), base);
  }
}

TEST_F(VfsTest, Bad_names_are_refused_each_with_its_reason) {
  ExpectRefused(Uri(Path("missing/db.sqlite3")), SQLITE_CANTOPEN, {Path("missing"), "does not exist"});
  ExpectRefused(Uri(directory_.path()), SQLITE_CANTOPEN, {directory_.path(), "is a directory"});
  WriteWholeFile(Path("text.txt"), std::string(5000, 'x'));
  ExpectRefused(Uri(Path("text.txt")), SQLITE_NOTADB, {Path("text.txt"), "not an SQLite database"});
  EXPECT_EQ(ReadWholeFile(Path("text.txt")), std::string(5000, 'x'));
  ASSERT_NO_FATAL_FAILURE(MakeStock("linked.sqlite3"));
  ASSERT_EQ(::link(Path("linked.sqlite3").c_str(), Path("second.sqlite3").c_str()), 0);
  ExpectRefused(Uri(Path("linked.sqlite3")), SQLITE_CANTOPEN, {Path("linked.sqlite3"), "hard link"});
  ASSERT_NO_FATAL_FAILURE(MakeStock("short.sqlite3", "PRAGMA page_size=4096"));
  ASSERT_EQ(::truncate(Path("short.sqlite3").c_str(), 5000), 0);
  SqliteDatabase truncated(Uri(Path("short.sqlite3")));
  EXPECT_NE(truncated.Exec("SELECT * FROM t"), SQLITE_OK);
}

TEST_F(VfsTest, A_file_that_may_not_be_written_can_be_read) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everything";
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  ASSERT_EQ(::chmod((Path() + "-wal").c_str(), 0555), 0);
  ASSERT_EQ(::chmod(Path().c_str(), 0444), 0);
  SqliteDatabase db = Open();
  EXPECT_EQ(db.Query("SELECT a FROM t"), "1");
  EXPECT_EQ(db.Exec("INSERT INTO t VALUES (2)") & kPrimary, SQLITE_READONLY);
  ASSERT_EQ(::chmod((Path() + "-wal").c_str(), 0755), 0);
}

// --- the extension's own functions

TEST_F(VfsTest, Errors_are_the_threads_own_and_can_be_cleared) {
  ExpectRefused(Uri(Path("missing/db.sqlite3")), SQLITE_CANTOPEN, {"missing"});
  EXPECT_STRNE(sqlite_efs_last_error(), "");
  sqlite_efs_clear_error();
  EXPECT_STREQ(sqlite_efs_last_error(), "");
  EXPECT_STREQ(sqlite_efs_version(), SQLITE_EFS_VERSION);
}

TEST_F(VfsTest, Release_gives_back_no_lease_in_use) {
  ASSERT_NO_FATAL_FAILURE(MakeLive());
  SqliteDatabase db = Open();
  ASSERT_EQ(db.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)"), SQLITE_OK);
  EXPECT_EQ(sqlite_efs_release(), 0);
  EXPECT_EQ(db.Exec("COMMIT"), SQLITE_OK) << db.message();
  EXPECT_EQ(db.Query("SELECT sum(a) FROM t"), "3");
}

TEST_F(VfsTest, A_reused_inode_is_another_database) {
  SqliteDatabase first = Open("first.sqlite3");
  struct stat before = {};
  ASSERT_EQ(::stat(Path("first.sqlite3").c_str(), &before), 0);
  ASSERT_EQ(::unlink(Path("first.sqlite3").c_str()), 0);
  SqliteDatabase second = Open("second.sqlite3");
  struct stat after = {};
  ASSERT_EQ(::stat(Path("second.sqlite3").c_str(), &after), 0);
  if (before.st_ino != after.st_ino) GTEST_SKIP() << "this file system does not reuse inode numbers at once";
  ASSERT_EQ(second.Exec("CREATE TABLE t(a); INSERT INTO t VALUES (2)"), SQLITE_OK) << sqlite_efs_last_error();
  EXPECT_EQ(Open("second.sqlite3").Query("SELECT a FROM t"), "2");
}

}  // namespace
}  // namespace sqlite_efs
