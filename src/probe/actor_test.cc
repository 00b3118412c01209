#include "probe/actor.h"

#include <gtest/gtest.h>

#include "probe/words.h"
#include "testing/temp_directory.h"

namespace sqlite_efs::probe {
namespace {

using testing::TempDirectory;

class ActorTest : public ::testing::Test {
 protected:
  ActorTest() { std::filesystem::create_directory(directory_ / "folder"); }
  bool Does(const std::string& request) { return ParseAnswerLine(actor_.Do(request)).ok(); }

  TempDirectory directory_;
  Actor actor_{PosixFileSystem(), directory_ / "folder"};
};

TEST_F(ActorTest, Touches_nothing_outside_its_folder) {
  testing::WriteWholeFile(directory_ / "outside", "x");
  for (const char* request : {"open f ../outside write", "remove ../outside", "link ../outside x", "list ..",
                              "rename ../outside x", "open f /etc/passwd read", "mkdir ../other", "stat ..",
                              "race create 1 up ../x one two", "race replace 1 up x ../outside two", "pin .."}) {
    EXPECT_FALSE(Does(request)) << request;
  }
  EXPECT_EQ(testing::ReadWholeFile(directory_ / "outside"), "x");
  EXPECT_EQ(directory_.Names(), (std::vector<std::string>{"folder", "outside"}));
  EXPECT_TRUE(TempDirectory::Names(directory_ / "folder").empty());
}

TEST_F(ActorTest, Refuses_what_it_does_not_understand) {
  ASSERT_TRUE(Does("open f file new"));
  for (const char* request : {"",
                              " ",
                              "open",
                              "open f",
                              "open f file",
                              "open f file sideways",
                              "look",
                              "look g",
                              "read f",
                              "read f 0",
                              "read f x 1",
                              "read f -1 1",
                              "write f 0 1",
                              "write f 0 99999999 1",
                              "truncate f 99999999999999999999",
                              "chmod f rwx",
                              "link a",
                              "race",
                              "race link 0 up a b c",
                              "race link 9999 up a b c",
                              "sing",
                              "sub",
                              "sub sing",
                              "create-pinned a/b",
                              "say"}) {
    EXPECT_FALSE(Does(request)) << request;
  }
  EXPECT_TRUE(Does("look f"));
  EXPECT_TRUE(Does("kill"));
}

TEST_F(ActorTest, A_second_process_has_files_of_its_own) {
  ASSERT_TRUE(Does("open f file new"));
  EXPECT_FALSE(Does("sub look f"));
  ASSERT_TRUE(Does("sub open f file readwrite"));
  EXPECT_EQ(actor_.Do("sub lock f"), "ok yes");
  EXPECT_EQ(actor_.Do("lock f"), "ok no");
  EXPECT_TRUE(Does("kill"));
  EXPECT_EQ(actor_.Do("lock f"), "ok yes");
}

TEST(Words, Answers_keep_their_code_and_message) {
  EXPECT_EQ(*ParseAnswerLine(AnswerLine(std::string("a b"))), "a b");
  EXPECT_EQ(*ParseAnswerLine(AnswerLine(std::string())), "");
  const Result<std::string> failed = ParseAnswerLine(AnswerLine(Status::Busy("two\nlines")));
  EXPECT_TRUE(failed.status().Is(StatusCode::kBusy));
  EXPECT_EQ(failed.status().message(), "two lines");
  for (const char* line : {"", "ok", "failed", "failed 0 x", "failed 999 x", "failed x y", "fine "}) {
    EXPECT_FALSE(ParseAnswerLine(line).ok()) << line;
  }
}

TEST(Words, Attributes_survive) {
  FileAttributes attributes;
  attributes.inode = UINT64_MAX;
  attributes.size = 3;
  attributes.links = 2;
  attributes.mode = 0755;
  attributes.mtime_ns = -1;
  EXPECT_EQ(*ParseAttributes(TextOf(attributes)), attributes);
  for (const char* text : {"", "1 2 3 4", "1 2 3 4 5 6", "1 2 x 4 5", "1 2 3 4 -5"}) {
    EXPECT_FALSE(ParseAttributes(text).ok()) << text;
  }
}

}  // namespace
}  // namespace sqlite_efs::probe
