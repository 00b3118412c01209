#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "os/file_system.h"
#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

using testing::ReadWholeFile;
using testing::TempDirectory;
using testing::WriteWholeFile;

Bytes BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

// Runs `action` in a child of fork(); its exit code.
template <typename Action>
int InChild(Action&& action) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(action());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class PosixFileSystemTest : public ::testing::Test {
 protected:
  std::unique_ptr<File> Open(const std::string& name, OpenMode mode) {
    Result<std::unique_ptr<File>> file = files_.Open(directory_ / name, mode);
    EXPECT_TRUE(file.ok()) << file.status().message();
    return file.ok() ? std::move(*file) : nullptr;
  }
  FileSystem& files_ = PosixFileSystem();
  TempDirectory directory_;
};

TEST_F(PosixFileSystemTest, Reads_what_was_written_and_stops_at_the_end) {
  const auto file = Open("f", OpenMode::kCreateNew);
  ASSERT_TRUE(file->WriteAt(3, BytesOf("hello")).ok());
  std::array<std::byte, 16> out;
  const Result<size_t> size = file->ReadAt(1, out);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(*size, 7U);
  EXPECT_EQ(ReadWholeFile(directory_ / "f"), std::string("\0\0\0hello", 8));
  EXPECT_EQ(*file->ReadAt(100, out), 0U);
  EXPECT_TRUE(file->Sync().ok());
}

TEST_F(PosixFileSystemTest, Open_modes) {
  EXPECT_TRUE(files_.Open(directory_ / "f", OpenMode::kRead).status().Is(StatusCode::kNotFound));
  EXPECT_TRUE(files_.Open(directory_ / "f", OpenMode::kReadWrite).status().Is(StatusCode::kNotFound));
  ASSERT_NE(Open("f", OpenMode::kCreateNew), nullptr);
  EXPECT_TRUE(files_.Open(directory_ / "f", OpenMode::kCreateNew).status().Is(StatusCode::kExists));
  ASSERT_NE(Open("f", OpenMode::kCreateOrOpen), nullptr);
  const auto reader = Open("f", OpenMode::kRead);
  EXPECT_FALSE(reader->WriteAt(0, BytesOf("x")).ok());
  const auto writer = Open("f", OpenMode::kWrite);
  EXPECT_TRUE(writer->WriteAt(0, BytesOf("x")).ok());
  std::array<std::byte, 1> out;
  EXPECT_FALSE(writer->ReadAt(0, out).ok());
}

TEST_F(PosixFileSystemTest, A_look_shows_size_mode_links_and_the_touched_time) {
  const auto file = Open("f", OpenMode::kCreateNew);
  ASSERT_TRUE(file->Truncate(1000).ok());
  ASSERT_TRUE(file->ChangeMode(0440).ok());
  Result<FileAttributes> first = file->Look();
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->size, 1000U);
  EXPECT_EQ(first->mode, 0440U);
  EXPECT_EQ(first->links, 1U);
  EXPECT_FALSE(first->is_directory);
  ASSERT_TRUE(files_.Link(directory_ / "f", directory_ / "g").ok());
  EXPECT_EQ(file->Look()->links, 2U);
  ::usleep(20'000);
  const Result<FileAttributes> touched = file->TouchAndLook();
  ASSERT_TRUE(touched.ok());
  EXPECT_GT(touched->mtime_ns, first->mtime_ns);
  EXPECT_EQ(touched->links, 2U);
  EXPECT_EQ(*file->Look(), *touched);
  ASSERT_TRUE(files_.Remove(directory_ / "f").ok());
  ASSERT_TRUE(files_.Remove(directory_ / "g").ok());
  EXPECT_EQ(file->Look()->links, 0U);
}

TEST_F(PosixFileSystemTest, Link_says_that_a_name_is_taken) {
  WriteWholeFile(directory_ / "a", "a");
  WriteWholeFile(directory_ / "b", "b");
  EXPECT_TRUE(files_.Link(directory_ / "a", directory_ / "b").Is(StatusCode::kExists));
  EXPECT_EQ(ReadWholeFile(directory_ / "b"), "b");
}

TEST_F(PosixFileSystemTest, Directories) {
  ASSERT_TRUE(files_.MakeDirectory(directory_ / "d", 0755).ok());
  EXPECT_TRUE(files_.MakeDirectory(directory_ / "d", 0755).Is(StatusCode::kExists));
  WriteWholeFile(directory_ / "d/x", "");
  EXPECT_EQ(*files_.List(directory_ / "d"), std::vector<std::string>{"x"});
  EXPECT_TRUE(files_.Stat(directory_ / "d")->is_directory);
  ASSERT_TRUE(files_.MakeDirectory(directory_ / "e", 0755).ok());
  EXPECT_TRUE(files_.Rename(directory_ / "e", directory_ / "d").Is(StatusCode::kExists));
  WriteWholeFile(directory_ / "file", "");
  EXPECT_FALSE(files_.Rename(directory_ / "e", directory_ / "file").ok());
  EXPECT_TRUE(files_.Rename(directory_ / "d", directory_ / "e").ok());
  EXPECT_TRUE(files_.SyncDirectory(directory_ / "e").ok());
  EXPECT_TRUE(files_.RemoveDirectory(directory_ / "e").Is(StatusCode::kExists));
  EXPECT_TRUE(files_.Remove(directory_ / "e/x").ok());
  EXPECT_TRUE(files_.RemoveDirectory(directory_ / "e").ok());
  EXPECT_TRUE(files_.List(directory_ / "e").status().Is(StatusCode::kNotFound));
}

TEST_F(PosixFileSystemTest, Rename_of_a_file_takes_the_place_of_another) {
  WriteWholeFile(directory_ / "a", "a");
  WriteWholeFile(directory_ / "b", "b");
  EXPECT_TRUE(files_.Rename(directory_ / "a", directory_ / "b").ok());
  EXPECT_EQ(ReadWholeFile(directory_ / "b"), "a");
  EXPECT_TRUE(files_.Rename(directory_ / "a", directory_ / "b").Is(StatusCode::kNotFound));
}

TEST_F(PosixFileSystemTest, A_pinned_directory_is_that_very_one_whatever_takes_its_name) {
  const std::string home = directory_ / "d";
  ASSERT_TRUE(files_.MakeDirectory(home, 0700).ok());
  Result<std::unique_ptr<FileSystem>> pinned = files_.Pin(home);
  ASSERT_TRUE(pinned.ok()) << pinned.status().message();
  ASSERT_TRUE(files_.Rename(home, directory_ / "away").ok());
  ASSERT_TRUE(files_.MakeDirectory(home, 0700).ok());

  ASSERT_TRUE((*pinned)->Open(home + "/file", OpenMode::kCreateNew, 0644).ok());
  EXPECT_TRUE((*pinned)->Link(home + "/file", home + "/second").ok());
  EXPECT_TRUE((*pinned)->Rename(home + "/second", home + "/third").ok());
  EXPECT_TRUE((*pinned)->MakeDirectory(home + "/sub", 0700).ok());
  EXPECT_TRUE((*pinned)->RemoveDirectory(home + "/sub").ok());
  EXPECT_TRUE((*pinned)->SyncDirectory(home).ok());
  EXPECT_TRUE((*pinned)->MayWrite(home + "/third"));
  EXPECT_EQ((*pinned)->Stat(home + "/third")->links, 2u);
  EXPECT_EQ((*pinned)->List(home)->size(), 2u);
  EXPECT_EQ(files_.List(directory_ / "away")->size(), 2u);
  EXPECT_EQ(files_.List(home)->size(), 0u);

  // Other paths are as ever, also one that only begins like the directory's.
  EXPECT_TRUE((*pinned)->Open(home + "-wal", OpenMode::kCreateNew, 0644).ok());
  EXPECT_TRUE(files_.Stat(home + "-wal").ok());

  EXPECT_TRUE((*pinned)->Remove(home + "/third").ok());
  EXPECT_TRUE((*pinned)->Remove(home + "/file").ok());
  ASSERT_TRUE(files_.RemoveDirectory(directory_ / "away").ok());
  EXPECT_TRUE((*pinned)->Open(home + "/file", OpenMode::kCreateNew, 0644).status().Is(StatusCode::kNotFound));
}

TEST_F(PosixFileSystemTest, A_lock_excludes_other_descriptors_until_it_or_they_end) {
  auto first = Open("f", OpenMode::kCreateOrOpen);
  const auto second = Open("f", OpenMode::kReadWrite);
  EXPECT_TRUE(*first->TryLock(0, 1));
  EXPECT_TRUE(*first->TryLock(0, 1)) << "again through the same descriptor";
  EXPECT_FALSE(*second->TryLock(0, 1));
  EXPECT_TRUE(*second->TryLock(1, 1)) << "other bytes";
  ASSERT_TRUE(first->Unlock(0, 1).ok());
  EXPECT_TRUE(*second->TryLock(0, 1));
  ASSERT_TRUE(second->Unlock(0, 2).ok());
  EXPECT_TRUE(*first->TryLock(0, 1));
  first.reset();
  EXPECT_TRUE(*second->TryLock(0, 1));
}

TEST_F(PosixFileSystemTest, A_lock_outlives_the_closing_of_other_descriptors) {
  const auto first = Open("f", OpenMode::kCreateOrOpen);
  const auto second = Open("f", OpenMode::kReadWrite);
  ASSERT_TRUE(*first->TryLock(0, 1));
  ::close(::open((directory_ / "f").c_str(), O_RDWR));  // ends POSIX locks, not open-file-description locks
  EXPECT_FALSE(*second->TryLock(0, 1));
}

TEST_F(PosixFileSystemTest, A_lock_ends_with_the_process_that_was_killed) {
  const auto file = Open("f", OpenMode::kCreateOrOpen);
  std::array<int, 2> ready;
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Result<std::unique_ptr<File>> mine = files_.Open(directory_ / "f", OpenMode::kReadWrite);
    if (!mine.ok() || !(*mine)->TryLock(0, 1).ok()) ::_exit(1);
    (void)!::write(ready[1], "x", 1);
    ::pause();
  }
  char c = 0;
  ASSERT_EQ(::read(ready[0], &c, 1), 1);
  EXPECT_FALSE(*file->TryLock(0, 1));
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(*file->TryLock(0, 1));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(PosixFileSystemTest, A_child_of_fork_can_use_no_inherited_file_and_keeps_no_lock_of_it) {
  const uint64_t generation = ForkGeneration();
  auto file = Open("f", OpenMode::kCreateOrOpen);
  const auto second = Open("f", OpenMode::kReadWrite);
  ASSERT_TRUE(*file->TryLock(0, 1));
  std::array<int, 2> done;
  std::array<int, 2> ready;
  ASSERT_EQ(::pipe(done.data()), 0);
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    (void)!::write(ready[1], "x", 1);
    std::array<std::byte, 1> out;
    bool refused = !file->ReadAt(0, out).ok() && !file->WriteAt(0, out).ok() && !file->Look().ok();
    refused = refused && !file->TryLock(1, 1).ok() && ForkGeneration() == generation + 1;
    ::close(done[1]);
    char c = 0;
    (void)!::read(done[0], &c, 1);  // lives on until the parent has looked
    ::_exit(refused ? 0 : 1);
  }
  char c = 0;
  ASSERT_EQ(::read(ready[0], &c, 1), 1);
  EXPECT_FALSE(*second->TryLock(0, 1));
  file.reset();  // the child holds no copy that would keep the lock
  EXPECT_TRUE(*second->TryLock(0, 1));
  for (const int fd : {done[0], done[1], ready[0], ready[1]}) ::close(fd);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ForkGeneration(), generation);
}

TEST_F(PosixFileSystemTest, A_child_of_fork_opens_files_of_its_own) {
  const auto file = Open("f", OpenMode::kCreateNew);
  EXPECT_EQ(InChild([&] {
              const Result<std::unique_ptr<File>> mine = files_.Open(directory_ / "f", OpenMode::kReadWrite);
              return mine.ok() && (*mine)->WriteAt(0, BytesOf("child")).ok() ? 0 : 1;
            }),
            0);
  EXPECT_EQ(ReadWholeFile(directory_ / "f"), "child");
}

TEST_F(PosixFileSystemTest, May_write_is_about_permissions) {
  WriteWholeFile(directory_ / "f", "");
  EXPECT_TRUE(files_.MayWrite(directory_ / "f"));
  EXPECT_FALSE(files_.MayWrite(directory_ / "missing"));
  if (::geteuid() != 0) {
    ASSERT_EQ(::chmod((directory_ / "f").c_str(), 0444), 0);
    EXPECT_FALSE(files_.MayWrite(directory_ / "f"));
  }
}

}  // namespace
}  // namespace sqlite_efs
