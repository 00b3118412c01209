#include "store/layout.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/scripted_file_system.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::StoreTest;
using testing::WriteWholeFile;

TEST(LayoutTest, Names) {
  const Layout layout("/a/db.sqlite3");
  EXPECT_EQ(layout.base(), "/a/db.sqlite3");
  EXPECT_EQ(layout.directory(), "/a/db.sqlite3-wal");
  EXPECT_EQ(layout.id(), "/a/db.sqlite3-wal/id");
  EXPECT_EQ(layout.lease(), "/a/db.sqlite3-wal/lease");
  EXPECT_EQ(layout.journal(), "/a/db.sqlite3-journal");
  EXPECT_EQ(layout.segment({1}), "/a/db.sqlite3-wal/0000000001");
  EXPECT_EQ(layout.segment({12'345'678'901}), "/a/db.sqlite3-wal/12345678901");
  EXPECT_EQ(layout.claim({2}), "/a/db.sqlite3-wal/0000000002.claim");
  EXPECT_NE(layout.temporary(), layout.temporary());
  EXPECT_FALSE(ParseSegmentName(layout.temporary().substr(layout.directory().size() + 1)).has_value());
}

TEST(LayoutTest, Segment_names) {
  EXPECT_EQ(ParseSegmentName("0000000001")->value, 1U);
  EXPECT_EQ(ParseSegmentName("12345678901")->value, 12'345'678'901U);
  for (const char* name : {"", "1", "000000001", "0000000000", "0000000001.claim", "x000000001", "000000000x",
                           "00000000001", "-000000001", " 000000001", "99999999999999999999999", "id", "lease"}) {
    EXPECT_FALSE(ParseSegmentName(name).has_value()) << name;
  }
}

class LayoutOfLiveTest : public StoreTest {
 protected:
  void Touch(const std::string& name) { WriteWholeFile(layout_.directory() + "/" + name, ""); }
};

TEST_F(LayoutOfLiveTest, A_database_is_live_if_its_log_is_a_directory) {
  EXPECT_TRUE(IsLive(PosixFileSystem(), layout_.base()));
  EXPECT_FALSE(IsLive(PosixFileSystem(), directory_ / "other"));
  WriteWholeFile(directory_ / "other-wal", "");
  EXPECT_FALSE(IsLive(PosixFileSystem(), directory_ / "other"));
}

TEST_F(LayoutOfLiveTest, Lists_segments_in_order_without_what_else_is_there) {
  for (const char* name : {"0000000003", "0000000002", "0000000002.claim", "tmp.x", "notes.txt"}) Touch(name);
  const auto segments = ListLog(PosixFileSystem(), layout_);
  ASSERT_TRUE(segments.ok());
  EXPECT_EQ(segments->segments, (std::vector<SegmentNumber>{{1}, {2}, {3}}));
}

TEST_F(LayoutOfLiveTest, What_was_merged_is_no_part_of_the_log) {
  for (const char* name : {"0000000003", "0000000002", "0000000004", "0000000002.merged", "0000000001.merged"})
    Touch(name);
  const auto listing = ListLog(PosixFileSystem(), layout_);
  ASSERT_TRUE(listing.ok()) << listing.status().message();
  EXPECT_EQ(listing->segments, (std::vector<SegmentNumber>{{3}, {4}}));
  EXPECT_EQ(listing->merged.value, 2U);
  EXPECT_TRUE(listing->Has({4}));
  EXPECT_FALSE(listing->Has({2}));
  EXPECT_TRUE(listing->HasName(layout_.merged({1})));
}

TEST_F(LayoutOfLiveTest, The_oldest_segment_is_missed) {
  for (const char* name : {"0000000001.merged", "0000000003"}) Touch(name);
  const auto listing = ListLog(PosixFileSystem(), layout_);
  ASSERT_TRUE(listing.status().Is(StatusCode::kCantOpen));
  EXPECT_NE(listing.status().message().find(layout_.segment({2})), std::string::npos) << listing.status().message();
}

// A listing is not atomic: segments come and go while it is made.
TEST_F(LayoutOfLiveTest, A_listing_that_contradicts_itself_is_repeated) {
  ScriptedFileSystem files(PosixFileSystem());
  Touch("0000000003");
  int listings = 0;
  files.Before([&](const Call& call) -> Status {
    if (call.op == Op::kList && ++listings == 2) Touch("0000000002");
    return {};
  });
  const auto listing = ListLog(files, layout_);
  ASSERT_TRUE(listing.ok()) << listing.status().message();
  EXPECT_EQ(listing->segments.size(), 3U);
}

TEST_F(LayoutOfLiveTest, A_missing_segment_is_named) {
  Touch("0000000003");
  const auto segments = ListLog(PosixFileSystem(), layout_);
  ASSERT_TRUE(segments.status().Is(StatusCode::kCantOpen));
  EXPECT_NE(segments.status().message().find(layout_.segment({2})), std::string::npos) << segments.status().message();
}

TEST_F(LayoutOfLiveTest, A_log_without_segments_is_told) {
  ASSERT_EQ(::unlink(layout_.segment({1}).c_str()), 0);
  EXPECT_TRUE(ListLog(PosixFileSystem(), layout_).status().Is(StatusCode::kCantOpen));
}

TEST_F(LayoutOfLiveTest, The_identity_is_one_uuid) {
  const auto id = ReadDatabaseId(PosixFileSystem(), layout_);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->size(), 36U);
  ASSERT_EQ(::chmod(layout_.id().c_str(), 0644), 0);
  for (const std::string& bad : {std::string(), *id, *id + "\n\n", *id + "x", "x" + *id + "\n", std::string(37, '\0'),
                                 std::string(35, 'a') + "\n"}) {
    WriteWholeFile(layout_.id(), bad);
    const auto refused = ReadDatabaseId(PosixFileSystem(), layout_);
    ASSERT_TRUE(refused.status().Is(StatusCode::kCantOpen)) << bad;
    EXPECT_NE(refused.status().message().find(layout_.id()), std::string::npos);
  }
  ASSERT_EQ(::unlink(layout_.id().c_str()), 0);
  EXPECT_TRUE(ReadDatabaseId(PosixFileSystem(), layout_).status().Is(StatusCode::kCantOpen));
}

}  // namespace
}  // namespace sqlite_efs
