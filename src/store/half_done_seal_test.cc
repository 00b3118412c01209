// Seals whose process stands still half-way, or dies there, and what others make of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "store/detach.h"
#include "testing/engine_process.h"
#include "testing/forwarding_file_system.h"
#include "testing/lease_item.h"
#include "testing/stopping_process.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::EngineProcess;
using testing::ForwardingFileSystem;
using testing::Hook;
using testing::Is;
using testing::LeaseItem;
using testing::Op;
using testing::OtherProcess;
using testing::ScriptedFileSystem;
using testing::StoppingProcess;
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

  static bool MakesTemporary(const Call& call) { return call.op == Op::kOpen && IsTemporary(FileNameOf(call.path)); }

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

// One file is not removed, and names are listed in the order in which a detach must come upon them.
class ReluctantFileSystem final : public ForwardingFileSystem {
 public:
  explicit ReluctantFileSystem(std::string kept, std::unique_ptr<FileSystem> pinned = nullptr)
      : ForwardingFileSystem(pinned ? *pinned : PosixFileSystem()),
        kept_(std::move(kept)),
        pinned_(std::move(pinned)) {}

  Result<std::vector<std::string>> List(const std::string& directory) override {
    EFS_ASSIGN_OR_RETURN(std::vector<std::string> names, real_.List(directory));
    std::sort(names.begin(), names.end(), std::greater<>());
    return names;
  }
  Status Remove(const std::string& path) override {
    return path == kept_ ? Status::FromErrno(EIO, "remove", path) : real_.Remove(path);
  }
  Result<std::unique_ptr<FileSystem>> Pin(const std::string& directory) override {
    EFS_ASSIGN_OR_RETURN(std::unique_ptr<FileSystem> pinned, real_.Pin(directory));
    return std::unique_ptr<FileSystem>(new ReluctantFileSystem(kept_, std::move(pinned)));
  }

 private:
  const std::string kept_;
  const std::unique_ptr<FileSystem> pinned_;
};

// A detach that empties the directory has come to what says how far the log was merged. With a late segment between
// that and the end of the log, the rest looks like a log.
TEST_F(HalfDoneSealTest, A_writer_does_not_go_on_in_a_log_that_has_ended) {
  LeaseItem lease;
  const auto new_lease_store = [&](const Layout&, const Layout&, uint32_t) { return lease.NewStore(SystemClock()); };
  EngineProcess writer(layout_.base());
  writer.environment.new_lease_store = new_lease_store;
  writer.options.lease.linger = Duration::zero();
  writer.options.lease.expiration = std::chrono::hours(1);  // as far as it knows
  Commit(writer);
  const SegmentNumber sealed = writer.last_segment();
  const SegmentNumber next = {sealed.value + 1};
  ReluctantFileSystem files(layout_.segment(sealed));
  EngineProcess detacher(layout_.base(), 1000, files);
  detacher.environment.new_lease_store = new_lease_store;
  StoppingProcess detach(detacher.files, [&] {
    const auto detached = DetachDatabase(detacher.environment, layout_.base(), std::chrono::seconds(20), {}, {});
    EXPECT_TRUE(detached.ok()) << detached.status().message();
  });
  // Both are to seal the same segment: the lease of one has expired.
  ASSERT_TRUE(detach.RunTo(MakesTemporary));
  lease.Put(std::nullopt);
  bool is_late = false;
  writer.files.Before([&](const Call& call) {
    if (!MakesTemporary(call) || std::exchange(is_late, true)) return Status();
    const std::string merged = layout_.merged(sealed);
    EXPECT_TRUE(
        detach.RunTo([&](const Call& its) { return Is(its, Op::kRename, FileNameOf(merged)) && its.path != merged; }));
    EXPECT_TRUE(PosixFileSystem().Stat(merged).ok());
    EXPECT_FALSE(PosixFileSystem().Stat(layout_.segment(next)).ok()) << "its number is free again";
    return Status();
  });
  Status status = writer.Commit();
  if (status.Is(StatusCode::kConflict)) status = writer.Commit();  // as SQLite's busy handler does
  ASSERT_TRUE(is_late);
  detach.RunToEnd();
  EXPECT_FALSE(IsLive(PosixFileSystem(), layout_.base()));
  EXPECT_TRUE(status.Is(StatusCode::kStale)) << (status.ok() ? "acknowledged" : status.message());
  const std::string base = testing::ReadWholeFile(layout_.base());
  EXPECT_EQ(ReadBigEndian32(std::as_bytes(std::span(base)).data() + kChangeCounterOffset), status.ok() ? 2U : 1U);
}

}  // namespace
}  // namespace sqlite_efs
