#include "probe/questions.h"

#include <gtest/gtest.h>

#include <memory>

#include "probe/hands.h"
#include "probe/probe.h"
#include "testing/faulty_file_system.h"
#include "testing/manual_clock.h"
#include "testing/temp_directory.h"

namespace sqlite_efs::probe {
namespace {

using testing::Fault;
using testing::FaultyFileSystem;
using testing::ManualClock;
using testing::TempDirectory;

// A file system with a fault, seen from two sides with open files, and what is cached, of their own.
class FaultyPlace {
 public:
  FaultyPlace(FileSystem& real, Fault fault)
      : of_one_(real, fault),
        of_two_(real, fault),
        one_(of_one_, directory_.path()),
        two_(of_two_, directory_.path()) {}

  Answer Ask(sqlite_efs::probe::Ask ask, Clock& clock = SystemClock()) {
    Question question = {"", "", Kind::kTogether, ask};
    Side one(one_);
    Side two(two_);
    return AnswerTo(question, one, two, {clock, "q" + std::to_string(++asked_)});
  }
  Answer AskAlone(sqlite_efs::probe::Ask ask) {
    Question question = {"", "", Kind::kAlone, ask};
    Side one(one_);
    return AnswerTo(question, one, one, {SystemClock(), "q" + std::to_string(++asked_)});
  }

 private:
  TempDirectory directory_;
  FaultyFileSystem of_one_;
  FaultyFileSystem of_two_;
  LocalHand one_;
  LocalHand two_;
  int asked_ = 0;
};

TEST(Questions, A_file_system_without_a_fault_is_answered_yes) {
  FaultyPlace place(PosixFileSystem(), Fault::kNone);
  for (const Question& question : Questions()) {
    const Answer answer = question.kind == Kind::kAlone ? place.AskAlone(question.ask) : place.Ask(question.ask);
    EXPECT_EQ(answer.verdict, Verdict::kYes) << question.asks << ": " << answer.detail;
  }
}

struct Found {
  const char* name;
  Fault fault;
  Ask ask;
  const char* said;  // part of the detail
};

class FaultTest : public ::testing::TestWithParam<Found> {};

TEST_P(FaultTest, Is_answered_no) {
  FaultyPlace place(PosixFileSystem(), GetParam().fault);
  ManualClock clock;  // on which a wait for a lock takes no time
  const bool waits = GetParam().fault == Fault::kLocksStay;
  const Answer answer = waits ? place.Ask(GetParam().ask, clock) : place.Ask(GetParam().ask);
  EXPECT_EQ(answer.verdict, Verdict::kNo) << answer.detail;
  EXPECT_NE(answer.detail.find(GetParam().said), std::string::npos) << answer.detail;
}

constexpr Found kFound[] = {
    {"no_second_names", Fault::kNoSecondNames, &HasSecondNames, "Operation not permitted"},
    {"removed_names_that_count", Fault::kLooksMissNames, &HasSecondNames, "has 2, and with one of them removed 2"},
    {"changed_names", Fault::kChangesNames, &KeepsNames, "is not listed"},
    {"fixed_modes", Fault::kFixedModes, &KeepsModes, "was set and"},
    {"no_sync", Fault::kCannotSync, &Syncs, "cannot make durable"},
    {"coarse_times", Fault::kTimesInSeconds, &TellsTimesApart, "left the time as it was"},
    {"directories_replaced", Fault::kReplacesDirectories, &RefusesToReplaceDirectories, "replaced a directory"},
    {"old_sizes", Fault::kLooksMissSizes, &LookShowsWrites, "a look showed 4120 bytes after 8240"},
    {"old_names", Fault::kLooksMissNames, &LookShowsSecondName, "1 name and then 1"},
    {"old_modes", Fault::kLooksMissModes, &LookShowsMode, "executable bit"},
    {"old_names_after_a_touch", Fault::kTouchShowsOldNames, &TouchTellsAll, "second name"},
    {"old_modes_after_a_touch", Fault::kTouchShowsOldModes, &TouchTellsAll, "executable bit"},
    {"touch_that_does_nothing", Fault::kTouchLeavesTimes, &TouchTellsAll, "left the time as it was"},
    {"removed_that_has_a_name", Fault::kRemovedHasName, &LookShowsRemoval, "showed 1 name"},
    {"old_data", Fault::kReadsOldData, &ReadsPastTheCache, "of 1 bytes at 32 not all are new"},
    {"old_data_while_writing", Fault::kReadsOldData, &ReadsPastTheCacheWhileWriting, "not all are new"},
    {"old_sizes_of_grown_files", Fault::kLooksMissSizes, &ShowsSizes, "after the size was set to 1048577"},
    {"cut_ignored", Fault::kIgnoresCuts, &ShowsSizes, "after the size was set to 5000"},
    {"garbage", Fault::kGrowsWithGarbage, &ShowsSizes, "not read as zeros"},
    {"links_that_replace", Fault::kLinksReplace, &FirstLinkWins, "both succeeded"},
    {"old_numbers_of_names", Fault::kNoSecondNames, &FirstLinkWins, "Operation not permitted"},
    {"creations_that_replace", Fault::kCreationsReplace, &FirstCreationWins, "both succeeded"},
    {"renames_of_nothing", Fault::kRenamesOfNothing, &FirstRenameWins, "both succeeded"},
    {"missing_that_stays_missing", Fault::kMissingStaysMissing, &RefusedLinkShowsName, "cannot be opened"},
    {"refused_link_that_replaces", Fault::kLinksReplace, &RefusedLinkShowsName, "replaced another's file"},
    {"listed_once", Fault::kListsOnce, &ListsWhatIsThere, "is not listed"},
    {"listed_and_missing", Fault::kMissingStaysMissing, &ListsWhatIsThere, "listed cannot be opened"},
    {"replaced_in_two_steps", Fault::kReplacesInTwoSteps, &ReplacesInOneStep, "was missing"},
    {"replaced_that_stays", Fault::kOpensReplacedFiles, &ReplacesInOneStep, "opens the old file"},
    {"pinned_by_name", Fault::kPinsByName, &PinnedStaysTheSame, "had taken its name"},
    {"locks_that_exclude_nobody", Fault::kLocksExcludeNobody, &LocksExclude, "got the same lock"},
    {"no_locks", Fault::kNoLocks, &LocksExclude, "No locks available"},
    {"locks_that_stay", Fault::kLocksStay, &LocksEndWithTheirHolder, "killed process is still held"},
    {"data_behind_the_lock", Fault::kReadsOldData, &LocksEndWithTheirHolder, "not all it has written"},
};

INSTANTIATE_TEST_SUITE_P(Fault, FaultTest, ::testing::ValuesIn(kFound),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Questions, A_full_disk_is_no_answer) {
  FaultyPlace place(PosixFileSystem(), Fault::kFull);
  const Answer answer = place.Ask(&ReadsPastTheCache);
  EXPECT_EQ(answer.verdict, Verdict::kCannotTell);
  EXPECT_NE(answer.detail.find("free some space"), std::string::npos) << answer.detail;
}

// The other one is gone in the middle of each question.
class MutedHand final : public Hand {
 public:
  explicit MutedHand(int answers) : answers_(answers) {}
  Status Send(const std::string&) override { return {}; }
  Result<std::string> Receive() override {
    if (answers_-- > 0) return std::string("ok ");
    return Status(StatusCode::kUnavailable, "gone");
  }

 private:
  int answers_;
};

TEST(Questions, A_peer_that_is_gone_is_no_answer) {
  const TempDirectory directory;
  LocalHand hand(PosixFileSystem(), directory.path());
  Side here(hand);
  for (const Question& question : Questions()) {
    if (question.kind != Kind::kBothWays) continue;
    MutedHand muted(0);
    Side other(muted);
    const Answer answer = AnswerTo(question, here, other, {SystemClock(), "q"});
    EXPECT_EQ(answer.verdict, Verdict::kCannotTell) << question.asks << ": " << answer.detail;
    for (const std::string& name : directory.Names()) std::filesystem::remove_all(directory / name);
  }
}

TEST(Questions, What_arrives_late_is_no_answer) {
  struct LateHand final : Hand {
    explicit LateHand(ManualClock& its_clock) : clock(its_clock) {}
    Status Send(const std::string&) override { return {}; }
    Result<std::string> Receive() override {
      clock.Move(std::chrono::seconds(3));
      return std::string("ok x");
    }
    ManualClock& clock;
  };
  ManualClock clock;
  LateHand hand(clock);
  Side late(hand);
  const Result<Answer> answer = ShowsNamesSoon(late, late, {clock, "q"});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->verdict, Verdict::kCannotTell) << answer->detail;
}

}  // namespace
}  // namespace sqlite_efs::probe
