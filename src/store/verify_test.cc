#include "store/verify.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "store/base_file.h"
#include "store/database.h"
#include "store/segment.h"
#include "testing/scripted_file_system.h"

namespace sqlite_efs {
namespace {

constexpr uint32_t kPageSize = 512;
constexpr size_t kFrameSize = kFrameHeaderSize + kPageSize;
constexpr Duration kTimeout = std::chrono::seconds(1);

class Verify : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "efs-verify-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/db.sqlite3";
    { const std::ofstream file(path_); }
    // Two sealed segments and a live one, with commits of one and of several frames.
    ASSERT_NO_FATAL_FAILURE(CommitEach({{1, 2, 3}, {1}}));
    std::filesystem::remove(layout().lease());  // the next tenure seals
    ASSERT_NO_FATAL_FAILURE(CommitEach({{1, 2}}));
    std::filesystem::remove(layout().lease());
    ASSERT_NO_FATAL_FAILURE(CommitEach({{1, 3}, {1}, {1, 2}, {1}}));
    ASSERT_EQ(ListLog(PosixFileSystem(), layout())->segments.size(), 3U);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Layout layout() const { return Layout(path_); }

  void CommitEach(const std::vector<std::vector<uint32_t>>& commits) {
    Result<std::shared_ptr<Database>> database = Database::Open(SystemEnvironment(), path_, StoreOptions{});
    ASSERT_TRUE(database.ok()) << database.status().message();
    for (const std::vector<uint32_t>& pages : commits) {
      Result<Snapshot> snapshot = (*database)->TakeSnapshot();
      Result<std::unique_ptr<Writer>> writer = (*database)->BeginWrite(*snapshot, Database::NewOwner(), kTimeout);
      ASSERT_TRUE(writer.ok()) << writer.status().message();
      version_++;
      for (const uint32_t page : pages) ASSERT_TRUE((*writer)->WritePage({page}, Content(page)).ok());
      ASSERT_TRUE((*writer)->Commit(3, &*snapshot).ok());
    }
  }

  std::vector<std::byte> Content(uint32_t page) const {
    std::vector<std::byte> content = page == 1 ? EmptyDatabasePage(kPageSize) : std::vector<std::byte>(kPageSize);
    const size_t at = page == 1 ? kChangeCounterOffset : 0;
    WriteBigEndian32(&content[at], version_);
    if (page == 1) WriteBigEndian32(&content[kVersionValidForOffset], version_);
    if (page == 1) WriteBigEndian32(&content[kPageCountOffset], 3);
    return content;
  }

  std::vector<std::string> Damages() const {
    const Result<LogCheck> check = CheckLog(PosixFileSystem(), layout(), {});
    EXPECT_TRUE(check.ok()) << check.status().message();
    return check.ok() ? check->damages : std::vector<std::string>();
  }

  // The bytes of a segment's header and first `frames` frames: all of the headers, and every fifth of the pages.
  static std::vector<uint64_t> Offsets(uint32_t frames) {
    std::vector<uint64_t> offsets;
    for (uint64_t offset = 0; offset < kWalHeaderSize + frames * kFrameSize; offset++) {
      const bool in_page = offset >= kWalHeaderSize && (offset - kWalHeaderSize) % kFrameSize >= kFrameHeaderSize;
      if (!in_page || offset % 5 == 0) offsets.push_back(offset);
    }
    return offsets;
  }

  // Changes one byte of a file as long as it exists.
  class Flip {
   public:
    Flip(const std::string& path, uint64_t offset, std::byte bits) : offset_(offset) {
      std::filesystem::permissions(path, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
      file_.open(path, std::ios::in | std::ios::out | std::ios::binary);
      file_.seekg(static_cast<std::streamoff>(offset));
      file_.get(old_);
      Put(static_cast<char>(old_ ^ std::to_integer<char>(bits)));
    }
    ~Flip() { Put(old_); }
    Flip(const Flip&) = delete;
    Flip& operator=(const Flip&) = delete;

   private:
    void Put(char c) {
      file_.seekp(static_cast<std::streamoff>(offset_));
      file_.put(c);
      file_.flush();
    }
    std::fstream file_;
    const uint64_t offset_;
    char old_ = 0;
  };

  std::string folder_;
  std::string path_;
  uint32_t version_ = 0;
};

TEST_F(Verify, Finds_nothing_wrong_with_a_whole_log) {
  const Result<LogCheck> check = CheckLog(PosixFileSystem(), layout(), {});
  ASSERT_TRUE(check.ok()) << check.status().message();
  EXPECT_TRUE(check->damages.empty()) << check->damages.front();
  EXPECT_EQ(check->segments, 3U);
  EXPECT_EQ(check->frames, 4U + 2U + 6U);
}

// Of every segment that was given back in order, each byte that counts in turn.
TEST_F(Verify, Finds_any_changed_byte_and_names_its_frame) {
  const std::vector<uint32_t> frames = {4, 2, 6};
  for (uint32_t segment = 1; segment <= frames.size(); segment++) {
    const std::string file = layout().segment({segment});
    for (const uint64_t offset : Offsets(frames[segment - 1])) {
      const Flip flip(file, offset, std::byte(1U << (offset % 8)));
      const std::vector<std::string> damages = Damages();
      ASSERT_FALSE(damages.empty()) << file << ", byte " << offset;
      ASSERT_NE(damages.front().find(file), std::string::npos) << damages.front();
      if (offset < kWalHeaderSize) continue;
      const uint64_t frame = (offset - kWalHeaderSize) / kFrameSize + 1;
      ASSERT_EQ(damages.front().find("frame " + std::to_string(frame) + " of "), 0U) << offset << damages.front();
    }
  }
}

// After a writer that died nothing but later commits proves that a frame was whole once.
TEST_F(Verify, Finds_a_changed_byte_that_later_commits_follow) {
  std::filesystem::remove(layout().lease());
  const std::string file = layout().segment({3});
  uint64_t missed = 0;
  for (const uint64_t offset : Offsets(5)) {  // the sixth frame is the last commit
    const Flip flip(file, offset, std::byte(1U << (offset % 8)));
    if (Damages().empty()) {
      missed++;
      // The mark that ends the last commit but one: without it, what follows looks like its unfinished rest.
      ASSERT_EQ((offset - kWalHeaderSize) / kFrameSize, 4U) << offset;
      ASSERT_EQ((offset - kWalHeaderSize) % kFrameSize / 4, 1U) << offset;
    }
  }
  EXPECT_LE(missed, 1U);
}

TEST_F(Verify, Finds_a_frame_that_is_damaged_beyond_recognition) {
  std::filesystem::remove(layout().lease());
  const std::string file = layout().segment({3});
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(kWalHeaderSize);
    bytes << std::string(kFrameSize, '\0');
  }
  const std::vector<std::string> damages = Damages();
  ASSERT_FALSE(damages.empty());
  EXPECT_EQ(damages.front().find("frame 1 of log segment " + file), 0U) << damages.front();
}

TEST_F(Verify, Takes_an_unfinished_commit_for_no_damage) {
  std::filesystem::remove(layout().lease());
  // The last commit, of one frame, is torn.
  const Flip flip(layout().segment({3}), kWalHeaderSize + 6 * kFrameSize - 1, std::byte{1});
  const Result<LogCheck> check = CheckLog(PosixFileSystem(), layout(), {});
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->damages.empty()) << check->damages.front();
  EXPECT_EQ(check->frames, 4U + 2U + 5U);
}

TEST_F(Verify, Finds_what_is_missing_or_does_not_belong_there) {
  const struct {
    const char* what;
    std::string file;
    std::string named;
  } cases[] = {
      {"the first segment", layout().segment({1}), layout().segment({1})},
      {"a segment between others", layout().segment({2}), layout().segment({2})},
      {"the last segment", layout().segment({3}), layout().segment({3})},
      {"the identity", layout().id(), layout().id()},
  };
  for (const auto& c : cases) {
    std::filesystem::rename(c.file, folder_ + "/away");
    const std::vector<std::string> damages = Damages();
    std::filesystem::rename(folder_ + "/away", c.file);
    ASSERT_FALSE(damages.empty()) << c.what;
    EXPECT_NE(damages.front().find(c.named), std::string::npos) << c.what << ": " << damages.front();
  }
  const Flip flip(path_, kReadVersionOffset, std::byte{3});  // rollback mode: stock SQLite would not be refused
  EXPECT_FALSE(Damages().empty());
}

TEST_F(Verify, Reports_how_far_it_is) {
  uint64_t last = 0;
  uint64_t end = 0;
  const Progress progress = [&](uint64_t done, uint64_t total) {
    EXPECT_LE(done, total);
    EXPECT_GE(done, last);
    last = done;
    end = total;
  };
  ASSERT_TRUE(CheckLog(PosixFileSystem(), layout(), progress).ok());
  EXPECT_GT(last, 0U);
  EXPECT_EQ(last, end);
}

TEST_F(Verify, Summary_tells_the_state_of_each_segment) {
  const Result<std::vector<SegmentSummary>> segments = SummarizeSegments(PosixFileSystem(), layout());
  ASSERT_TRUE(segments.ok()) << segments.status().message();
  ASSERT_EQ(segments->size(), 3U);
  EXPECT_STREQ((*segments)[0].state, "sealed");
  EXPECT_EQ((*segments)[0].frames.value, 4U);
  EXPECT_STREQ((*segments)[2].state, "live");
  EXPECT_FALSE((*segments)[2].has_frames);
}

TEST_F(Verify, A_number_that_was_merged_and_given_again_meanwhile_is_no_damage) {
  testing::ScriptedFileSystem files(PosixFileSystem());
  bool merged = false;
  files.Before([&](const testing::Call& call) -> Status {
    if (merged || !testing::Is(call, testing::Op::kOpen, "/0000000001")) return {};
    merged = true;
    const std::ofstream says_so(layout().merged({1}));
    std::filesystem::resize_file(layout().segment({1}), kWalHeaderSize + kFrameSize);
    return {};
  });
  const Status status = CheckLog(files, layout(), {}).status();
  EXPECT_TRUE(merged);
  EXPECT_TRUE(status.Is(StatusCode::kStale)) << status.message();
  EXPECT_EQ(Damages(), std::vector<std::string>());
}

}  // namespace
}  // namespace sqlite_efs
