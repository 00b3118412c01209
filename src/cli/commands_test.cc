#include "cli/commands.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/cli.h"
#include "testing/sqlite_database.h"
#include "testing/temp_directory.h"

namespace sqlite_efs::cli {
namespace {

namespace testing = sqlite_efs::testing;

TEST(Commands, Exit_codes_tell_a_wait_that_ended_from_a_failure) {
  EXPECT_EQ(ExitCodeOf(Status()), ExitCode::kDone);
  EXPECT_EQ(ExitCodeOf(Status::Busy("x")), ExitCode::kBusy);
  EXPECT_EQ(ExitCodeOf(Status::Conflict("x")), ExitCode::kBusy);
  EXPECT_EQ(ExitCodeOf(Status::Corrupt("x")), ExitCode::kFailed);
  EXPECT_EQ(ExitCodeOf(Status::ReadOnly("x")), ExitCode::kFailed);
}

TEST(Commands, Sizes_are_for_people) {
  EXPECT_EQ(Size(0), "0 bytes");
  EXPECT_EQ(Size(1), "1 byte");
  EXPECT_EQ(Size(1023), "1023 bytes");
  EXPECT_EQ(Size(1024), "1.0 KiB");
  EXPECT_EQ(Size(5 * 1024 * 1024 + 512 * 1024), "5.5 MiB");
  EXPECT_EQ(Size(uint64_t{3} << 50), "3072.0 TiB");
  EXPECT_EQ(Count(1, "page"), "1 page");
  EXPECT_EQ(Count(0, "page"), "0 pages");
}

TEST(Commands, Text_is_wrapped_between_words) {
  EXPECT_EQ(Wrapped(""), "");
  EXPECT_EQ(Wrapped("one two"), "one two");
  EXPECT_EQ(Wrapped(std::string(50, 'a') + " " + std::string(29, 'b')),
            std::string(50, 'a') + " " + std::string(29, 'b'));
  EXPECT_EQ(Wrapped(std::string(50, 'a') + " " + std::string(30, 'b')),
            std::string(50, 'a') + "\n" + std::string(30, 'b'));
  EXPECT_EQ(Wrapped("one\n\n  as  it is\ntwo"), "one\n\n  as  it is\ntwo");
}

TEST(Commands, A_wrong_path_is_named_with_the_remedy) {
  const Status missing = ResolveDatabase("/nowhere/x.sqlite3").status();
  EXPECT_TRUE(missing.Is(StatusCode::kNotFound));
  EXPECT_EQ(missing.message(), "there is no file /nowhere/x.sqlite3; correct the path");
  EXPECT_FALSE(ResolveDatabase("/").ok());
  EXPECT_NE(ResolveDatabase("/dev/null").status().message().find("not a regular file"), std::string::npos);
}

TEST(Commands, What_is_asked_for_and_what_goes_wrong_are_kept_apart) {
  std::ostringstream out;
  std::ostringstream errors;
  const char* const help[] = {"sqlite-efs", "--help"};
  EXPECT_EQ(cli::Run(2, help, out, errors), 0);
  EXPECT_NE(out.str(), "");
  EXPECT_EQ(errors.str(), "");
  out.str("");
  const char* const wrong[] = {"sqlite-efs", "status"};
  EXPECT_EQ(cli::Run(2, wrong, out, errors), 2);
  EXPECT_EQ(out.str(), "");
  EXPECT_EQ(errors.str(), "sqlite-efs: DB is required; see sqlite-efs status --help\n");
}

TEST(Commands, A_checkpoint_says_what_it_merged) {
  const testing::TempDirectory directory;
  const std::string path = directory / "db";
  std::ostringstream out;
  std::ostringstream errors;
  const char* const arguments[] = {"sqlite-efs", "checkpoint", path.c_str()};
  EXPECT_EQ(cli::Run(3, arguments, out, errors), 1);
  EXPECT_EQ(errors.str(), "sqlite-efs: there is no file " + path + "; correct the path\n");
  testing::WriteWholeFile(path, "");
  EXPECT_EQ(cli::Run(3, arguments, out, errors), 0);
  EXPECT_EQ(out.str(), path + " is an ordinary database: it has no log to merge\n");
  {
    testing::SqliteDatabase db(testing::Uri(path));
    ASSERT_EQ(db.Exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)"), SQLITE_OK) << db.message();
  }
  out.str("");
  EXPECT_EQ(cli::Run(3, arguments, out, errors), 0) << errors.str();
  EXPECT_EQ(out.str(), path + ": 2 pages merged from 1 log segment\n");
  out.str("");
  EXPECT_EQ(cli::Run(3, arguments, out, errors), 0);
  EXPECT_EQ(out.str(), path + ": 0 pages merged from 0 log segments\n");
}

}  // namespace
}  // namespace sqlite_efs::cli
