// A database that is made ordinary and live again while a process has it open, on a host that remembers names.
#include <gtest/gtest.h>

#include <cerrno>

#include "store/base_file.h"
#include "store/detach.h"
#include "testing/engine_process.h"
#include "testing/forwarding_file_system.h"
#include "testing/live_test.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::EngineProcess;
using testing::ForwardingFileSystem;
using testing::Op;
using testing::StoreTest;

// As an NFS client does, it goes on with what the name of one directory stood for when it was looked up first, or with
// its absence, until it forgets that.
class RememberingFileSystem final : public ForwardingFileSystem {
 public:
  explicit RememberingFileSystem(std::string directory)
      : ForwardingFileSystem(PosixFileSystem()), directory_(std::move(directory)) {}

  void RememberNone() { none_ = true; }
  void Forget() {
    remembered_.reset();
    none_ = false;
  }

  Result<FileAttributes> Stat(const std::string& path) override {
    if (none_ && path == directory_) return Status::FromErrno(ENOENT, "look at", path);
    return At(path).Stat(path);
  }
  Result<std::unique_ptr<FileSystem>> Pin(const std::string& path) override { return At(path).Pin(path); }

 private:
  FileSystem& At(const std::string& path) {
    if (path != directory_) return real_;
    if (!remembered_) {
      Result<std::unique_ptr<FileSystem>> found = real_.Pin(directory_);
      if (!found.ok()) return real_;
      remembered_ = std::move(*found);
    }
    return *remembered_;
  }

  const std::string directory_;
  std::unique_ptr<FileSystem> remembered_;
  bool none_ = false;
};

class NameCacheTest : public StoreTest {
 protected:
  // Another machine makes the file ordinary, and live again.
  void DetachAndAttach() {
    const auto detached = DetachDatabase(SystemEnvironment(), layout_.base(), std::chrono::seconds(20), {}, {});
    ASSERT_TRUE(detached.ok()) << detached.status().message();
    ASSERT_FALSE(IsLive(PosixFileSystem(), layout_.base()));
    const auto base = PosixFileSystem().Open(layout_.base(), OpenMode::kReadWrite);
    ASSERT_TRUE(base.ok() && *(*base)->TryLock(kSqliteLockOffset, kSqliteLockLength));
    ASSERT_TRUE(SetWalMode(**base).ok());
    ASSERT_TRUE(CreateLogDirectory(PosixFileSystem(), layout_, kPageSize, nullptr).ok());
  }

  // A look at the folder has its names looked up anew.
  void ForgetAtALook(testing::ScriptedFileSystem& files) {
    files.After([&](const Call& call) {
      if (call.op == Op::kLook && call.path == FolderOf(layout_.base())) names_.Forget();
      return Status();
    });
  }

  RememberingFileSystem names_{layout_.directory()};
};

TEST_F(NameCacheTest, Who_looked_for_the_log_before_it_was_there_finds_it) {
  ASSERT_TRUE(EngineProcess(layout_.base()).Commit().ok());
  testing::ScriptedFileSystem files(names_);
  ForgetAtALook(files);
  names_.RememberNone();
  const Environment environment = testing::EnvironmentOn(files);
  const auto database = Database::Open(environment, layout_.base(), {}, Duration::zero());
  EXPECT_TRUE(database.ok()) << database.status().message();
}

TEST_F(NameCacheTest, Who_has_the_database_open_finds_its_next_life) {
  EngineProcess process(layout_.base(), 1000, names_);
  ForgetAtALook(process.files);
  ASSERT_TRUE(process.Commit().ok());
  DetachAndAttach();
  EngineProcess other(layout_.base());
  ASSERT_TRUE(other.Commit().ok());
  const Result<uint32_t> counter = process.Counter();
  ASSERT_TRUE(counter.ok()) << counter.status().message();
  EXPECT_EQ(*counter, *other.Counter());
}

}  // namespace
}  // namespace sqlite_efs
