// The writer's lease between transactions: kept for a moment, and given back when nobody needs it.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/database.h"
#include "store/wal_format.h"
#include "testing/lease_item.h"
#include "testing/manual_clock.h"
#include "testing/store_test.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::LeaseItem;
using testing::LeaseOp;
using testing::ManualClock;
using testing::StoreTest;

// A process with the database open, whose lease store expires.
class Process {
 public:
  Process(const std::string& path, LeaseItem& item, Clock& clock, std::function<std::unique_ptr<Alarm>()> new_alarm,
          std::optional<Duration> linger = std::nullopt)
      : environment_{PosixFileSystem(), clock, std::move(new_alarm),
                     [&item, &clock](const Layout&, const Layout&, uint32_t) { return item.NewStore(clock); }} {
    StoreOptions options;
    options.lease.linger = linger;
    database_ = *Database::Open(environment_, path, options);
  }
  void Close() { database_.reset(); }
  Database& database() { return *database_; }

  Result<std::unique_ptr<Writer>> Begin(Database::Owner owner, Duration timeout = seconds(5)) {
    EFS_ASSIGN_OR_RETURN(snapshot_, database_->TakeSnapshot());
    return database_->BeginWrite(snapshot_, owner, timeout);
  }
  // A transaction that changes the change counter.
  Status Commit(Database::Owner owner = 1, Duration timeout = seconds(5)) {
    EFS_ASSIGN_OR_RETURN(Snapshot snapshot, database_->TakeSnapshot());
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<Writer> writer, database_->BeginWrite(snapshot, owner, timeout));
    return Write(*writer, &snapshot);
  }
  static Status Write(Writer& writer, Snapshot* snapshot) {
    std::vector<std::byte> page(snapshot->page_size());
    EFS_RETURN_IF_ERROR(snapshot->ReadPage({1}, 0, page));
    WriteBigEndian32(&page[kChangeCounterOffset], ReadBigEndian32(&page[kChangeCounterOffset]) + 1);
    EFS_RETURN_IF_ERROR(writer.WritePage({1}, page));
    return writer.Commit(snapshot->page_count(), snapshot);
  }
  uint32_t Counter() {
    std::array<std::byte, 4> counter = {};
    Result<Snapshot> snapshot = database_->TakeSnapshot();
    EXPECT_TRUE(snapshot.ok() && snapshot->ReadPage({1}, kChangeCounterOffset, counter).ok());
    return ReadBigEndian32(counter.data());
  }
  uint64_t seals() const { return database_->metrics().Of(Count::kSeals); }
  bool holds() const { return database_->live()->holds_lease(); }

 private:
  Environment environment_;
  std::shared_ptr<Database> database_;
  Snapshot snapshot_;
};

class LingerTest : public StoreTest {
 protected:
  std::unique_ptr<Process> NewProcess(std::optional<Duration> linger = std::nullopt) {
    return std::make_unique<Process>(
        layout_.base(), item_, clock_, [this] { return clock_.NewAlarm(); }, linger);
  }
  size_t calls() const {
    return item_.count(LeaseOp::kAcquire) + item_.count(LeaseOp::kRenew) + item_.count(LeaseOp::kRelease);
  }
  bool ReleasedCleanly() const { return item_.record()->lock_id.empty() && item_.record()->released.has_value(); }

  LeaseItem item_;
  ManualClock clock_;
};

TEST_F(LingerTest, The_writes_of_one_request_take_two_calls) {
  const auto process = NewProcess();
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(process->Commit(1 + i % 2).ok());  // by two connections
    clock_.Advance(milliseconds(20));
  }
  EXPECT_TRUE(process->holds());
  EXPECT_TRUE(process->database().ReleaseLease());
  EXPECT_FALSE(process->holds());
  EXPECT_TRUE(ReleasedCleanly());
  EXPECT_EQ(calls(), 2U);
  EXPECT_FALSE(process->database().ReleaseLease()) << "it is given back already";
  clock_.Advance(minutes(1));
  EXPECT_EQ(calls(), 2U);
}

TEST_F(LingerTest, An_idle_lease_is_given_back_soon) {
  const auto process = NewProcess();
  ASSERT_TRUE(process->Commit().ok());
  clock_.Advance(milliseconds(49));
  EXPECT_TRUE(process->holds());
  clock_.Advance(milliseconds(1));
  EXPECT_FALSE(process->holds());
  EXPECT_TRUE(ReleasedCleanly());
  ASSERT_TRUE(process->Commit().ok());
  EXPECT_EQ(process->seals(), 1U) << "the first, that found no record; then it joins what it left";
}

TEST_F(LingerTest, Without_linger_each_transaction_gives_it_back) {
  const auto process = NewProcess(Duration::zero());
  ASSERT_TRUE(process->Commit().ok());
  EXPECT_TRUE(ReleasedCleanly());
  EXPECT_EQ(clock_.alarms_set(), 0U);
}

TEST_F(LingerTest, Never_while_a_transaction_is_open) {
  const auto process = NewProcess();
  ASSERT_TRUE(process->Commit().ok());
  {
    Result<std::unique_ptr<Writer>> writer = process->Begin(2);
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    clock_.Advance(seconds(30));
    EXPECT_FALSE(process->database().ReleaseLease());
    EXPECT_TRUE(process->holds());
    EXPECT_EQ(item_.count(LeaseOp::kRelease), 0U);
    EXPECT_EQ(item_.count(LeaseOp::kRenew), 9U) << "a long transaction keeps its lease";
  }
  EXPECT_FALSE(process->holds()) << "after so long, others have their turn";
  EXPECT_TRUE(ReleasedCleanly());
}

TEST_F(LingerTest, Who_keeps_on_writing_lets_others_have_their_turn) {
  const auto process = NewProcess();
  for (int i = 0; i < 100; i++) {
    ASSERT_TRUE(process->Commit().ok());
    clock_.Advance(milliseconds(10));
  }
  EXPECT_GE(item_.count(LeaseOp::kRelease), 1U);
  EXPECT_LE(item_.count(LeaseOp::kAcquire), 4U);
}

TEST_F(LingerTest, The_last_connection_gives_it_back) {
  const auto process = NewProcess();
  ASSERT_TRUE(process->Commit().ok());
  process->Close();
  EXPECT_TRUE(ReleasedCleanly());
  EXPECT_EQ(clock_.alarms_set(), 0U);
}

TEST_F(LingerTest, A_failed_commit_is_no_tenure_to_linger_in) {
  const auto process = NewProcess();
  ASSERT_TRUE(process->Commit().ok());
  {
    Result<std::unique_ptr<Writer>> writer = process->Begin(1);
    ASSERT_TRUE(writer.ok());
    process->database().live()->TenureBroken();
  }
  EXPECT_FALSE(process->holds());
  EXPECT_FALSE(item_.record()->released.has_value());
}

TEST_F(LingerTest, A_conflict_keeps_the_lease_for_its_connection_and_then_ends_it) {
  const auto process = NewProcess();
  Result<Snapshot> old = process->database().TakeSnapshot();
  ASSERT_TRUE(old.ok());
  ASSERT_TRUE(process->Commit(1).ok());
  ASSERT_TRUE(process->database().BeginWrite(*old, 2, seconds(5)).status().Is(StatusCode::kConflict));
  clock_.Advance(milliseconds(119));
  EXPECT_TRUE(process->holds());
  clock_.Advance(milliseconds(1));
  EXPECT_FALSE(process->holds());
  EXPECT_TRUE(ReleasedCleanly());
}

TEST_F(LingerTest, Who_lost_the_lease_while_it_was_idle_goes_on_in_order) {
  const auto process = NewProcess(seconds(8));
  const auto other = NewProcess();
  ASSERT_TRUE(process->Commit().ok());
  item_.Put(std::nullopt);  // ended by force
  ASSERT_TRUE(other->Commit().ok());
  ASSERT_TRUE(other->database().ReleaseLease());
  clock_.Advance(seconds(4));
  EXPECT_FALSE(process->holds()) << "its heartbeat was refused";
  ASSERT_TRUE(process->Commit().ok());
  EXPECT_EQ(process->Counter(), other->Counter());
  EXPECT_EQ(process->seals() + other->seals(), 2U) << "it joined the other's segment";
}

TEST_F(LingerTest, Who_was_overtaken_while_it_stood_still_writes_nothing_wrong) {
  for (const bool by_a_whole_lease : {false, true}) {
    SCOPED_TRACE(by_a_whole_lease);
    const auto process = NewProcess();
    const auto other = NewProcess();
    ASSERT_TRUE(process->Commit().ok());
    const uint32_t before = process->Counter();
    if (by_a_whole_lease) clock_.Move(minutes(1));
    item_.Put(std::nullopt);
    ASSERT_TRUE(other->Commit().ok());
    ASSERT_TRUE(other->database().ReleaseLease());
    ASSERT_TRUE(process->Commit().ok());  // its alarms have not gone off
    EXPECT_EQ(other->Counter(), before + 2);
    ASSERT_TRUE(process->database().ReleaseLease());
  }
}

TEST_F(LingerTest, A_lease_that_ran_out_while_it_was_idle_is_given_back_before_it_is_taken_anew) {
  const auto process = NewProcess();
  ASSERT_TRUE(process->Commit().ok());
  clock_.Move(minutes(1));  // the process stood still, and nobody else came
  ASSERT_TRUE(process->Commit().ok());
  EXPECT_EQ(process->seals(), 1U) << "it joins its own segment";
}

// --- threads

TEST_F(LingerTest, A_release_returns_when_the_alarms_has_ended) {
  Process process(layout_.base(), item_, SystemClock(), &NewThreadAlarm, milliseconds(1));
  std::atomic<int> releasing = 0;
  item_.before = [&](LeaseOp op) {
    if (op != LeaseOp::kRelease) return;
    releasing++;
    SystemClock().Sleep(milliseconds(50));
  };
  ASSERT_TRUE(process.Commit().ok());
  while (releasing == 0) SystemClock().Sleep(std::chrono::microseconds(100));
  (void)process.database().ReleaseLease();
  EXPECT_TRUE(ReleasedCleanly()) << "a process that is frozen now leaves nobody waiting";
}

TEST_F(LingerTest, Writers_and_the_alarm_meet_at_every_moment) {
  Process process(layout_.base(), item_, SystemClock(), &NewThreadAlarm, milliseconds(1));
  constexpr int kThreads = 3;
  constexpr int kCommits = 60;
  std::vector<std::thread> threads;
  for (int t = 1; t <= kThreads; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCommits; i++) {
        Status status;
        do {
          status = process.Commit(static_cast<Database::Owner>(t), minutes(5));
        } while (status.Is(StatusCode::kConflict));
        ASSERT_TRUE(status.ok()) << status.message();
        SystemClock().Sleep(std::chrono::microseconds(100 * (i % 30)));
        if (i % 7 == 0) (void)process.database().ReleaseLease();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(process.Counter(), static_cast<uint32_t>(kThreads * kCommits));
  EXPECT_FALSE(item_.overlapped);
  EXPECT_EQ(process.seals(), 1U) << "every tenure ended in order";
  process.Close();
  EXPECT_TRUE(ReleasedCleanly());
}

TEST_F(LingerTest, A_database_may_be_closed_at_any_moment_of_the_linger) {
  for (int i = 0; i < 40; i++) {
    Process process(layout_.base(), item_, SystemClock(), &NewThreadAlarm, milliseconds(1));
    ASSERT_TRUE(process.Commit().ok());
    SystemClock().Sleep(std::chrono::microseconds(50 * i));
    process.Close();
    ASSERT_TRUE(ReleasedCleanly());
  }
}

}  // namespace
}  // namespace sqlite_efs
