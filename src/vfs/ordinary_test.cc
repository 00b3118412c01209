#include "vfs/ordinary.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "testing/live_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::EnvironmentOn;
using testing::Is;
using testing::LiveTest;
using testing::Op;
using testing::ReadWholeFile;
using testing::ScriptedFileSystem;
using testing::WriteWholeFile;

class OrdinaryTest : public LiveTest {
 protected:
  // An ordinary database without its last pages; returns what it was.
  std::string MakeTruncated() {
    EXPECT_EQ(OpenStock("db.sqlite3").Exec("CREATE TABLE t(a, b); " + testing::Fill(50, 'a')), SQLITE_OK);
    std::string whole = ReadWholeFile(Path());
    EXPECT_EQ(::truncate(Path().c_str(), 4096), 0);
    return whole;
  }
};

TEST_F(OrdinaryTest, What_stock_SQLite_says_of_a_damaged_file_is_passed_on) {
  MakeTruncated();
  const Status status = AttachDatabase(EnvironmentOn(PosixFileSystem()), Path(), testing::kStockVfs);
  EXPECT_TRUE(status.Is(StatusCode::kCorrupt)) << status.message();
}

// A host that was frozen while stock SQLite read has lost its lock, and has seen parts of two states.
TEST_F(OrdinaryTest, What_stock_SQLite_says_of_a_file_that_others_change_meanwhile_is_not_believed) {
  const std::string whole = MakeTruncated();
  ScriptedFileSystem files(PosixFileSystem());
  int opened = 0;
  files.Before([&](const Call& call) -> Status {
    if (Is(call, Op::kOpen, "/db.sqlite3") && ++opened == 2) WriteWholeFile(Path(), whole);
    return {};
  });
  const Environment environment = EnvironmentOn(files);
  const Status status = AttachDatabase(environment, Path(), testing::kStockVfs);
  EXPECT_TRUE(status.Is(StatusCode::kBusy)) << status.message();
  EXPECT_TRUE(AttachDatabase(environment, Path(), testing::kStockVfs).ok());
}

}  // namespace
}  // namespace sqlite_efs
