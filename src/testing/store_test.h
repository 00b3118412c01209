#ifndef SQLITE_EFS_TESTING_STORE_TEST_H_
#define SQLITE_EFS_TESTING_STORE_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/attach.h"
#include "store/base_file.h"
#include "store/segment.h"
#include "testing/scripted_file_system.h"
#include "testing/temp_directory.h"

namespace sqlite_efs::testing {

// Writes frames to a segment as its writer would, or as none should.
class SegmentWriter {
 public:
  SegmentWriter(const std::string& path, uint32_t page_size) : path_(path) {
    const std::string bytes = ReadWholeFile(path).substr(0, kWalHeaderSize);
    const auto header = DecodeWalHeader(std::as_bytes(std::span(bytes)), &chain_);
    EXPECT_TRUE(header.has_value() && header->page_size == page_size) << path;
    if (header) header_ = *header;
  }

  // One frame: a page all of whose bytes are `fill`; with a page count it ends a commit.
  void Add(uint32_t page, char fill, uint32_t page_count = 0) {
    std::vector<std::byte> frame(kFrameHeaderSize + header_.page_size, std::byte(fill));
    chain_ = EncodeFrame(header_, {{page}, page_count}, chain_, frame);
    WriteRaw(next_, frame);
    next_.value++;
  }
  // A commit of that many frames: pages 1, 2, ...
  void Commit(uint32_t frames, char fill, uint32_t page_count = 100) {
    for (uint32_t i = 1; i < frames; i++) Add(i, fill);
    Add(frames, fill, page_count);
  }
  // Where the next frame goes, and what it is chained to.
  std::pair<FrameNumber, WalChecksum> Mark() const { return {next_, chain_}; }
  void GoBackTo(const std::pair<FrameNumber, WalChecksum>& mark) { std::tie(next_, chain_) = mark; }

  // Flips bits of one byte of a frame: 0 is the first of its header.
  void Damage(uint32_t frame, uint64_t byte) {
    const uint64_t offset = FrameOffset({frame}, header_.page_size) + byte;
    const char changed = static_cast<char>(ReadWholeFile(path_)[offset] ^ 0x55);
    Overwrite(path_, offset, std::string(1, changed));
  }
  void Zero(uint32_t frame) {
    Overwrite(path_, FrameOffset({frame}, header_.page_size), std::string(kFrameHeaderSize + header_.page_size, '\0'));
  }

 private:
  void WriteRaw(FrameNumber frame, Bytes bytes) {
    Overwrite(path_, FrameOffset(frame, header_.page_size),
              std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }

  std::string path_;
  WalHeader header_;
  WalChecksum chain_;
  FrameNumber next_ = {1};
};

// A test with an empty live database of small pages.
class StoreTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kPageSize = 512;

  void SetUp() override {
    const std::vector<std::byte> page = EmptyDatabasePage(kPageSize);
    WriteWholeFile(layout_.base(), {reinterpret_cast<const char*>(page.data()), page.size()});
    const Status created = CreateLogDirectory(PosixFileSystem(), layout_, kPageSize, nullptr);
    ASSERT_TRUE(created.ok()) << created.message();
  }

  std::shared_ptr<Segment> Open(uint64_t number, FileSystem& files = PosixFileSystem()) {
    Result<std::shared_ptr<Segment>> segment = Segment::Open(files, layout_, {number}, kPageSize);
    EXPECT_TRUE(segment.ok()) << segment.status().message();
    return segment.ok() ? *segment : nullptr;
  }
  // Gives a segment the mark of being sealed, as one does who then dies.
  void MarkSealed(uint64_t number) {
    EXPECT_TRUE(PosixFileSystem().Link(layout_.segment({number}), layout_.sealed({number})).ok());
  }
  SegmentWriter Write(uint64_t number) { return {layout_.segment({number}), kPageSize}; }

  TempDirectory directory_;
  const Layout layout_{directory_ / "db"};
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_STORE_TEST_H_
