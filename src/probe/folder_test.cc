#include "probe/folder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/uuid.h"
#include "probe/party.h"
#include "testing/scripted_file_system.h"
#include "testing/temp_directory.h"

namespace sqlite_efs::probe {
namespace {

using testing::Op;
using testing::ScriptedFileSystem;
using testing::TempDirectory;

class FolderTest : public ::testing::Test {
 protected:
  std::unique_ptr<Folder> Make() {
    Result<std::unique_ptr<Folder>> folder = Folder::Make(files_, SystemClock(), directory_.path());
    EXPECT_TRUE(folder.ok()) << folder.status().message();
    return folder.ok() ? std::move(*folder) : nullptr;
  }
  // What a probe that was killed has left.
  std::string Leave(const std::string& machine, std::chrono::seconds ago) {
    const std::string folder = directory_ / ("sqlite-efs-probe." + NewUuid());
    std::filesystem::create_directory(folder);
    testing::WriteWholeFile(folder + "/probe", MessageOf({machine, "host", "12"}) + "\n");
    testing::WriteWholeFile(folder + "/q1", "x");
    std::filesystem::create_directory(folder + "/q2");
    testing::WriteWholeFile(folder + "/q2/file", "x");
    const auto then = std::filesystem::file_time_type::clock::now() - ago;
    std::filesystem::last_write_time(folder + "/probe", then);
    return folder;
  }

  TempDirectory directory_;
  ScriptedFileSystem files_{PosixFileSystem()};
};

TEST_F(FolderTest, Is_removed_with_all_that_is_in_it) {
  {
    const auto folder = Make();
    ASSERT_NE(folder, nullptr);
    EXPECT_EQ(directory_.Names().size(), 1U);
    EXPECT_EQ(TempDirectory::Names(folder->path()), std::vector<std::string>{"probe"});
    for (const char* name : {"/q1", "/request.1"}) testing::WriteWholeFile(folder->path() + name, "x");
    std::filesystem::create_directory(folder->path() + "/q2");
    testing::WriteWholeFile(folder->path() + "/q2/file", "x");
    folder->Tidy();
    EXPECT_EQ(TempDirectory::Names(folder->path()), (std::vector<std::string>{"probe", "request.1"}));
  }
  EXPECT_TRUE(directory_.Names().empty());
}

TEST_F(FolderTest, Folders_of_the_dead_are_removed_and_only_they) {
  const auto other = Make();
  const auto own = Make();
  const std::string here = Leave(files_.Machine(), std::chrono::seconds(0));
  const std::string long_ago = Leave("another machine", std::chrono::minutes(2));
  const std::string perhaps = Leave("another machine", std::chrono::seconds(10));
  const std::string begun = directory_ / ("sqlite-efs-probe." + NewUuid());  // one that begins at this moment
  std::filesystem::create_directory(begun);
  testing::WriteWholeFile(begun + "/probe", "");
  const std::string no_probes = directory_ / "sqlite-efs-probe.notes";
  std::filesystem::create_directory(no_probes);
  std::vector<std::string> left = RemoveStaleFolders(files_, SystemClock(), *own);
  std::sort(left.begin(), left.end());
  std::vector<std::string> expected = {begun, perhaps};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(left, expected);
  EXPECT_FALSE(std::filesystem::exists(here));
  EXPECT_FALSE(std::filesystem::exists(long_ago));
  for (const std::string& stays : {perhaps, begun, no_probes, own->path(), other->path()}) {
    EXPECT_TRUE(std::filesystem::exists(stays)) << stays;
  }
}

TEST_F(FolderTest, Says_what_is_wrong_with_the_directory) {
  const auto make = [&](const std::string& path) { return Folder::Make(files_, SystemClock(), path).status(); };
  EXPECT_NE(make(directory_ / "no").message().find("there is no directory " + directory_ / "no"), std::string::npos);
  testing::WriteWholeFile(directory_ / "file", "x");
  EXPECT_NE(make(directory_ / "file").message().find("is not a directory"), std::string::npos);
  files_.Before(Fail(Op::kMakeDirectory, "", EACCES));
  EXPECT_NE(make(directory_.path()).message().find("run the probe as the user"), std::string::npos);
  files_.Before(Fail(Op::kWrite, "/room", ENOSPC));
  EXPECT_NE(make(directory_.path()).message().find("free some space"), std::string::npos);
  EXPECT_EQ(directory_.Names(), std::vector<std::string>{"file"});
}

TEST_F(FolderTest, A_message_is_there_as_a_whole_or_not_at_all) {
  const std::string path = directory_ / "message";
  EXPECT_EQ(ReadMessage(files_, path), std::nullopt);
  testing::WriteWholeFile(path, "half of");
  EXPECT_EQ(ReadMessage(files_, path), std::nullopt);
  std::filesystem::remove(path);
  ASSERT_TRUE(PostMessage(files_, path, "one line").ok());
  EXPECT_EQ(ReadMessage(files_, path), "one line");
  EXPECT_TRUE(PostMessage(files_, path, "another").Is(StatusCode::kExists));
}

}  // namespace
}  // namespace sqlite_efs::probe
