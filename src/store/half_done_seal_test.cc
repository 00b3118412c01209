// Seals whose process stands still half-way, or dies there, and what others make of it.
#include <gtest/gtest.h>

#include <functional>

#include "store/detach.h"
#include "testing/engine_process.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::EngineProcess;
using testing::Hook;
using testing::Is;
using testing::Op;
using testing::OtherProcess;
using testing::ScriptedFileSystem;
using testing::StoreTest;

// What becomes of a sealer after its link, which came too late: it does not get to look.
enum class AfterLink {
  kItsListingFails,  // it goes away in order
  kItDies,           // its temporary name stays
};

class HalfDoneSealTest : public StoreTest {
 protected:
  static constexpr auto kEach = EngineProcess::kSegmentForEachCommit;

  // Somebody seals segment `number`, and stands still before it links a successor, until `meanwhile` is over.
  void SealLate(uint64_t number, AfterLink after, const std::function<void()>& meanwhile) {
    ScriptedFileSystem files(PosixFileSystem());
    const std::shared_ptr<Segment> segment = Open(number, files);
    const std::string successor = layout_.segment({number + 1});
    bool linked = false;
    files.Before([&](const Call& call) {
      if (Is(call, Op::kLink, successor)) meanwhile();
      const bool fails = linked && (after == AfterLink::kItDies || call.op == Op::kList);
      return fails ? Status::FromErrno(EIO, "(scripted)", call.path) : Status();
    });
    files.After([&](const Call& call) {
      linked = linked || Is(call, Op::kLink, successor);
      return Status();
    });
    EXPECT_FALSE(Seal(files, layout_, *segment, segment->end, Successor::kHelpers).ok());
    EXPECT_TRUE(linked);
    EXPECT_TRUE(PosixFileSystem().Stat(successor).ok()) << "nobody has taken it away";
  }

  // Once, before a process opens that segment by its name.
  Hook BeforeOpening(uint64_t number, std::function<void()> action) const {
    return [=, path = layout_.segment({number}), done = std::make_shared<bool>()](const Call& call) {
      if (Is(call, Op::kOpen, path) && !std::exchange(*done, true)) action();
      return Status();
    };
  }

  void ExpectCounter(EngineProcess& process, uint32_t wanted) {
    const Result<uint32_t> counter = process.Counter();
    ASSERT_TRUE(counter.ok()) << counter.status().message();
    EXPECT_EQ(*counter, wanted);
  }
  void Commit(EngineProcess& process, int times = 1) {
    for (int i = 0; i < times; i++) {
      const Status status = process.Commit();
      ASSERT_TRUE(status.ok()) << status.message();
    }
  }
};

TEST_F(HalfDoneSealTest, A_writer_finishes_the_seal_of_one_who_died_and_knows_its_outcome) {
  EngineProcess writer(layout_.base());
  Commit(writer);
  const uint64_t number = writer.last_segment().value;
  bool marked = false;
  writer.files.Before([&](const Call& call) {
    if (Is(call, Op::kWrite, layout_.segment({number})) && !std::exchange(marked, true)) MarkSealed(number);
    return Status();
  });
  const Status status = writer.Commit();
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(marked);
  EngineProcess fresh(layout_.base());
  ExpectCounter(fresh, 2);
}

TEST_F(HalfDoneSealTest, A_reader_does_not_follow_the_log_to_a_number_that_was_given_again) {
  for (const AfterLink after : {AfterLink::kItsListingFails, AfterLink::kItDies}) {
    EngineProcess writer(layout_.base(), kEach);
    EngineProcess reader(layout_.base());
    Commit(writer, 2);
    const uint32_t counter = *reader.Counter();
    const uint64_t number = reader.last_segment().value;
    Commit(writer);
    reader.files.Before(BeforeOpening(number + 1, [&] {
      SealLate(number, after, [&] {
        Commit(writer);
        EXPECT_TRUE(writer.Merge().ok());
      });
    }));
    ExpectCounter(reader, counter + 2);
    EXPECT_EQ(reader.last_segment().value, number + 2);
  }
}

TEST_F(HalfDoneSealTest, A_writer_does_not_ask_a_number_that_was_given_again_for_its_outcome) {
  EngineProcess writer(layout_.base());
  EngineProcess merger(layout_.base());
  OtherProcess other(layout_.base());
  Commit(writer);
  const uint64_t number = writer.last_segment().value;
  bool sealed = false;
  // Its frames come after the seal, and before those of a second sealer are counted, who is late.
  const Hook before_opening = BeforeOpening(number + 1, [&] {
    ASSERT_TRUE(sealed);
    SealLate(number, AfterLink::kItsListingFails, [&] {
      EXPECT_TRUE(other.Seal().ok());
      EXPECT_TRUE(merger.Merge().ok());
    });
  });
  writer.files.Before([&](const Call& call) {
    if (Is(call, Op::kWrite, layout_.segment({number})) && !std::exchange(sealed, true)) {
      EXPECT_TRUE(other.Seal().ok());
    }
    return before_opening(call);
  });
  const Status status = writer.Commit();
  EXPECT_TRUE(status.Is(StatusCode::kBusy)) << status.message();
  EngineProcess fresh(layout_.base());
  ExpectCounter(fresh, 1);
  EXPECT_EQ(fresh.last_segment().value, number + 2);
}

TEST_F(HalfDoneSealTest, A_fresh_process_does_not_open_a_number_that_was_given_again) {
  for (const AfterLink after : {AfterLink::kItsListingFails, AfterLink::kItDies}) {
    EngineProcess writer(layout_.base(), kEach);
    Commit(writer);
    // A segment without frames, in which nothing would be missed.
    ASSERT_TRUE(OtherProcess(layout_.base()).Seal().ok());
    Commit(writer);
    const uint32_t counter = *writer.Counter();
    const uint64_t number = writer.last_segment().value;
    EngineProcess fresh(layout_.base());
    fresh.files.Before(BeforeOpening(number, [&] {
      SealLate(number - 1, after, [&] {
        Commit(writer);
        EXPECT_TRUE(writer.Merge().ok());
      });
    }));
    ExpectCounter(fresh, counter + 1);
    EXPECT_EQ(fresh.last_segment().value, number + 1);
  }
}

TEST_F(HalfDoneSealTest, A_detach_that_ends_the_log_too_late_says_so) {
  EngineProcess writer(layout_.base(), kEach);
  EngineProcess detacher(layout_.base());
  Commit(writer);
  const uint64_t end = writer.last_segment().value + 2;  // after an empty segment of its own
  bool was_cut_off = false;
  detacher.files.Before([&](const Call& call) {
    if (!Is(call, Op::kLink, layout_.segment({end})) || std::exchange(was_cut_off, true)) return Status();
    detacher.files.LoseLocks();
    Commit(writer, 2);
    EXPECT_TRUE(writer.Merge().ok());
    EXPECT_GE(ListLog(PosixFileSystem(), layout_)->merged.value, end);
    return Status();
  });
  const Result<DetachReport> detached =
      DetachDatabase(detacher.environment, layout_.base(), std::chrono::seconds(20), {}, {});
  ASSERT_TRUE(was_cut_off);
  EXPECT_FALSE(detached.ok()) << "it is live";
  Commit(writer);
  EngineProcess fresh(layout_.base());
  ExpectCounter(fresh, 4);
}

}  // namespace
}  // namespace sqlite_efs
