#include "store/page_copy.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "store/generations.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Is;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::SegmentWriter;
using testing::StoreTest;

constexpr size_t kAllPages = 1000;
constexpr int kMaxCalls = 100;  // more than a copy makes

// The first segments of a log, sealed, and a base that is written to; what happens to them is noted.
class PageCopyTest : public StoreTest {
 protected:
  using Calls = std::vector<std::string>;

  // Ends the last segment; its successor can be written to.
  void Seal(uint64_t number) {
    const std::shared_ptr<Segment> segment = Open(number);
    ASSERT_TRUE(sqlite_efs::Seal(PosixFileSystem(), layout_, *segment, segment->end, Successor::kHelpers).ok());
  }

  // The segments from 1 to `last`, as who has read them knows them.
  std::vector<SealedSegment> Sealed(uint64_t last) {
    std::vector<SealedSegment> sealed;
    for (uint64_t number = 1; number <= last; number++) {
      const std::shared_ptr<Segment> segment = Open(number, files_);
      const Result<NewFrames> found = segment->Scan(segment->end, segment->Look()->size);
      EXPECT_TRUE(found.ok());
      for (const PageNumber page : found->pages) segment->index.Append(page);
      sealed.push_back({segment, found->end});
    }
    return sealed;
  }

  void OpenBase() {
    FileSystem& files = files_;
    base_ = std::move(*files.Open(layout_.base(), OpenMode::kReadWrite));
  }

  std::unique_ptr<PageCopy> Begin(uint64_t last) {
    OpenBase();
    Result<std::unique_ptr<PageCopy>> copy = PageCopy::Begin(Sealed(last), *base_);
    EXPECT_TRUE(copy.ok()) << copy.status().message();
    return copy.ok() ? std::move(*copy) : nullptr;
  }

  // Notes every change of base and segments from now on: a write with the first byte of each of its pages.
  void NoteCalls() {
    files_.Before([this](const Call& call) -> Status {
      const std::string name = FileNameOf(call.path);
      if (call.op == Op::kChangeMode) calls_.push_back("mark " + name);
      if (call.op == Op::kTruncate) calls_.push_back("size " + name);
      if (call.op == Op::kSync) calls_.push_back("sync " + name);
      if (call.op == Op::kWrite) calls_.push_back("write " + name + " " + FirstBytes(call.data));
      return {};
    });
  }
  static std::string FirstBytes(Bytes data) {
    std::string letters;
    for (size_t i = 0; i < data.size(); i += kPageSize) letters += static_cast<char>(data[i]);
    return letters;
  }

  // The base's pages, each by its first byte; every page is checked to be of one piece.
  std::string BaseLetters() {
    const std::string content = testing::ReadWholeFile(layout_.base());
    EXPECT_EQ(content.size() % kPageSize, 0U);
    std::string letters;
    for (size_t at = 0; at < content.size(); at += kPageSize) {
      std::string page = content.substr(at, kPageSize);
      if (at == 0) page[kWriteVersionOffset] = page[kReadVersionOffset] = page[0];
      EXPECT_EQ(page, std::string(kPageSize, page[0])) << "page " << at / kPageSize + 1;
      letters += page[0];
    }
    return letters;
  }
  void MakeBase(const std::string& letters) {
    std::string content;
    for (const char letter : letters) content += std::string(kPageSize, letter);
    testing::WriteWholeFile(layout_.base(), content);
  }

  // Pages 1 to 4 in segment 1; 1, 2 and 3 anew in segment 2, twice, with a database of `page_count` pages at the end.
  void TwoSegments(uint32_t page_count) {
    Write(1).Commit(4, 'a', 4);
    Seal(1);
    SegmentWriter writer = Write(2);
    writer.Commit(3, 'b', 4);
    writer.Add(3, 'c');
    writer.Add(1, 'c', page_count);
    Seal(2);
  }

  ScriptedFileSystem files_{PosixFileSystem()};
  std::unique_ptr<File> base_;
  Calls calls_;
};

TEST_F(PageCopyTest, Copies_the_newest_version_of_each_page_and_no_other) {
  TwoSegments(4);
  const std::unique_ptr<PageCopy> copy = Begin(2);
  EXPECT_EQ(copy->through().value, 2U);
  EXPECT_EQ(copy->pages_total(), 4U);
  NoteCalls();
  ASSERT_TRUE(*copy->CopyPiece(kAllPages));
  EXPECT_EQ(BaseLetters(), "cbca");
  const std::string base = testing::ReadWholeFile(layout_.base());
  EXPECT_EQ(base.substr(kWriteVersionOffset, 2), std::string("\2\2")) << "it stays in WAL mode";
  EXPECT_EQ(copy->pages_done(), 4U);
}

TEST_F(PageCopyTest, Copies_what_counts_and_nothing_that_came_late) {
  Write(1).Commit(2, 'a', 2);
  Seal(1);
  std::vector<SealedSegment> sealed = Sealed(1);
  sealed[0].segment->index.Append({2});
  sealed[0].segment->index.Append({3});
  OpenBase();
  const Result<std::unique_ptr<PageCopy>> copy = PageCopy::Begin(std::move(sealed), *base_);
  ASSERT_TRUE(*(*copy)->CopyPiece(kAllPages));
  EXPECT_EQ(BaseLetters(), "aa");
}

TEST_F(PageCopyTest, Marks_every_segment_before_it_touches_the_base) {
  TwoSegments(4);
  NoteCalls();
  const std::unique_ptr<PageCopy> copy = Begin(2);
  EXPECT_EQ(calls_, (Calls{"mark 0000000001", "mark 0000000002"}));
  for (const uint64_t number : {1, 2}) EXPECT_EQ(StateOf(*Open(number)->Look()), SegmentState::kMerging);
  EXPECT_EQ(StateOf(*Open(3)->Look()), SegmentState::kLive);
}

TEST_F(PageCopyTest, Grows_the_base_first_and_writes_page_1_when_the_rest_is_durable) {
  TwoSegments(4);
  MakeBase("x");
  const std::unique_ptr<PageCopy> copy = Begin(2);
  NoteCalls();
  ASSERT_TRUE(*copy->CopyPiece(kAllPages));
  EXPECT_EQ(calls_, (Calls{"size db", "write db bca", "sync db", "write db c", "sync db"}));
}

TEST_F(PageCopyTest, Cuts_the_base_when_page_1_is_durable) {
  TwoSegments(3);
  MakeBase("xxxxxx");
  const std::unique_ptr<PageCopy> copy = Begin(2);
  NoteCalls();
  ASSERT_TRUE(*copy->CopyPiece(kAllPages));
  EXPECT_EQ(calls_, (Calls{"write db bc", "sync db", "write db c", "sync db", "size db", "sync db"}));
  EXPECT_EQ(BaseLetters(), "cbc") << "page 4, which the database does not have any more, is not copied";
}

TEST_F(PageCopyTest, Writes_pages_side_by_side_at_once_and_leaves_the_others_alone) {
  SegmentWriter writer = Write(1);
  for (const uint32_t page : {9, 2, 5, 3, 6}) writer.Add(page, static_cast<char>('a' + page));
  writer.Add(1, 'a', 9);
  Seal(1);
  MakeBase("123456789");
  const std::unique_ptr<PageCopy> copy = Begin(1);
  NoteCalls();
  ASSERT_TRUE(*copy->CopyPiece(kAllPages));
  EXPECT_EQ(calls_, (Calls{"write db cd", "write db fg", "write db j", "sync db", "write db a", "sync db"}));
  EXPECT_EQ(BaseLetters(), "acd4fg78j");
}

TEST_F(PageCopyTest, Reads_pages_that_lie_side_by_side_in_the_segment_too_at_once) {
  SegmentWriter writer = Write(1);
  for (const uint32_t page : {2, 3, 4, 6, 5, 7, 8}) writer.Add(page, static_cast<char>('a' + page));
  writer.Add(1, 'a', 8);
  Seal(1);
  MakeBase("12345678");
  const std::unique_ptr<PageCopy> copy = Begin(1);
  int reads = 0;
  files_.Before([&](const Call& call) -> Status {
    reads += Is(call, Op::kRead, "0000000001") ? 1 : 0;
    return {};
  });
  ASSERT_TRUE(*copy->CopyPiece(kAllPages));
  EXPECT_EQ(reads, 5) << "2 to 4, 5, 6, 7 to 8, and page 1";
  EXPECT_EQ(BaseLetters(), "acdefghi");
}

TEST_F(PageCopyTest, Of_page_1_alone_is_one_write) {
  Write(1).Commit(1, 'a', 1);
  Seal(1);
  const std::unique_ptr<PageCopy> copy = Begin(1);
  NoteCalls();
  ASSERT_TRUE(*copy->CopyPiece(kAllPages));
  EXPECT_EQ(calls_, (Calls{"write db a", "sync db"}));
}

TEST_F(PageCopyTest, A_database_that_only_grew_is_grown_durably_before_page_1_says_so) {
  Write(1).Commit(1, 'a', 5);
  Seal(1);
  const std::unique_ptr<PageCopy> copy = Begin(1);
  NoteCalls();
  ASSERT_TRUE(*copy->CopyPiece(kAllPages));
  EXPECT_EQ(calls_, (Calls{"size db", "sync db", "write db a", "sync db"}));
}

TEST_F(PageCopyTest, Segments_without_a_commit_change_nothing_in_the_base) {
  Seal(1);
  const std::string before = testing::ReadWholeFile(layout_.base());
  const std::unique_ptr<PageCopy> copy = Begin(1);
  NoteCalls();
  ASSERT_TRUE(*copy->CopyPiece(kAllPages));
  EXPECT_EQ(calls_, Calls{});
  EXPECT_EQ(testing::ReadWholeFile(layout_.base()), before);
}

TEST_F(PageCopyTest, Goes_on_in_pieces_with_page_1_in_the_last_one) {
  TwoSegments(4);
  MakeBase("x");
  const std::unique_ptr<PageCopy> copy = Begin(2);
  NoteCalls();
  EXPECT_FALSE(*copy->CopyPiece(1));
  EXPECT_EQ(calls_, (Calls{"size db", "write db b"}));
  EXPECT_EQ(copy->pages_done(), 2U);
  EXPECT_FALSE(*copy->CopyPiece(1));
  calls_.clear();
  EXPECT_TRUE(*copy->CopyPiece(1));
  EXPECT_EQ(calls_, (Calls{"write db a", "sync db", "write db c", "sync db"}));
  EXPECT_EQ(BaseLetters(), "cbca");
}

// What a failure of any call leaves: with the segments it is complete, and another copy finishes it.
class PageCopyFails : public PageCopyTest, public ::testing::WithParamInterface<std::tuple<uint32_t, int, bool>> {
 protected:
  // Copies in pieces; the `nth` change of the base fails, after it was made or before. Whether it came so far.
  bool FailNth(int nth, int error, bool made) {
    const std::unique_ptr<PageCopy> copy = Begin(2);
    const auto hook = [&, count = 0](const Call& call) mutable -> Status {
      const bool changes = call.op == Op::kWrite || call.op == Op::kTruncate || call.op == Op::kSync;
      if (!changes || call.path != layout_.base() || failed_ || ++count != nth) return {};
      failed_ = true;
      wrote_page_1_ = call.op == Op::kWrite && call.data.size() == kPageSize && call.data[0] == std::byte{'c'} &&
                      call.data[kWriteVersionOffset] == kVersionWal;
      return Status::FromErrno(error, "(scripted)", call.path);
    };
    made ? files_.After(hook) : files_.Before(hook);
    Result<bool> done = false;
    for (int i = 0; i < kMaxCalls && done.ok() && !*done; i++) done = copy->CopyPiece(1);
    files_.Clear();
    EXPECT_EQ(done.ok(), !failed_);
    if (failed_) {
      EXPECT_EQ(done.status().code(), Status::FromErrno(error, "", "").code());
    }
    return failed_;
  }

  bool failed_ = false;
  bool wrote_page_1_ = false;
};

TEST_P(PageCopyFails, At_any_call_and_another_copy_finishes_it) {
  const auto [page_count, error, made] = GetParam();
  TwoSegments(page_count);
  std::string wanted = "cbcax";  // page 5 of the base, if there is one, is nobody's
  wanted.resize(page_count, '\0');
  int failures = 0;
  for (int nth = 1; nth < kMaxCalls; nth++) {
    MakeBase("xxxxx");
    failed_ = false;
    if (!FailNth(nth, error, made)) break;
    failures++;
    // What page 1 states the file has: the new page 1 comes only when all of the new size is there.
    const std::string left = BaseLetters();
    EXPECT_GE(left.size(), left[0] == 'c' ? page_count : 5U) << "call " << nth;
    if (error == ENOSPC && left[0] == 'x' && !wrote_page_1_) {
      EXPECT_EQ(left.size(), 5U) << "call " << nth;
    }
    const std::unique_ptr<PageCopy> again = Begin(2);
    ASSERT_TRUE(*again->CopyPiece(kAllPages));
    EXPECT_EQ(BaseLetters(), wanted) << "call " << nth;
  }
  EXPECT_GE(failures, 6);
}

INSTANTIATE_TEST_SUITE_P(Errors, PageCopyFails,
                         ::testing::Combine(::testing::Values(3U, 4U, 5U, 8U), ::testing::Values(EIO, ENOSPC),
                                            ::testing::Bool()));

TEST_F(PageCopyTest, On_a_full_disk_gives_back_what_the_base_has_grown_by) {
  TwoSegments(8);
  MakeBase("xx");
  const std::unique_ptr<PageCopy> copy = Begin(2);
  files_.Before(testing::Fail(Op::kSync, "db", ENOSPC));
  EXPECT_TRUE(copy->CopyPiece(kAllPages).status().Is(StatusCode::kFull));
  EXPECT_EQ(BaseLetters().size(), 2U);
}

TEST_F(PageCopyTest, On_a_full_disk_keeps_a_size_that_page_1_may_speak_of) {
  TwoSegments(8);
  MakeBase("xx");
  const std::unique_ptr<PageCopy> copy = Begin(2);
  files_.Before(testing::Fail(Op::kSync, "db", ENOSPC, 2));  // of page 1
  EXPECT_TRUE(copy->CopyPiece(kAllPages).status().Is(StatusCode::kFull));
  EXPECT_EQ(BaseLetters().size(), 8U);
}

TEST_F(PageCopyTest, A_failed_mark_begins_nothing) {
  TwoSegments(8);
  MakeBase("xx");
  files_.Before(testing::Fail(Op::kChangeMode, "0000000002", EIO));
  OpenBase();
  EXPECT_FALSE(PageCopy::Begin(Sealed(2), *base_).ok());
  EXPECT_EQ(BaseLetters(), "xx");
}

}  // namespace
}  // namespace sqlite_efs
