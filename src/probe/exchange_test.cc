#include "probe/exchange.h"

#include <gtest/gtest.h>

#include <future>

#include "probe/side.h"
#include "testing/manual_clock.h"
#include "testing/temp_directory.h"

namespace sqlite_efs::probe {
namespace {

using testing::TempDirectory;

constexpr Duration kLong = std::chrono::minutes(4);

class ExchangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<Folder>> folder = Folder::Make(files_, SystemClock(), directory_.path());
    ASSERT_TRUE(folder.ok()) << folder.status().message();
    folder_ = std::move(*folder);
  }
  // A peer that comes, and its last word.
  std::future<Result<std::string>> StartPeer() {
    return std::async(std::launch::async, [this]() -> Result<std::string> {
      EFS_ASSIGN_OR_RETURN(Joined joined, JoinProbe(files_, SystemClock(), directory_.path(), kLong));
      return ServeProbe(files_, SystemClock(), std::move(joined),
                        [this](const std::string& text) { told_ += text + ";"; });
    });
  }

  FileSystem& files_ = PosixFileSystem();
  TempDirectory directory_;
  std::unique_ptr<Folder> folder_;
  std::string told_;
};

TEST_F(ExchangeTest, A_peer_comes_answers_and_is_told_the_end) {
  auto peer = StartPeer();
  const auto hand = AwaitPeer(files_, SystemClock(), *folder_, kLong);
  ASSERT_NE(hand, nullptr);
  EXPECT_EQ(hand->party().machine, files_.Machine());
  Side side(*hand);
  EXPECT_EQ(*side.Do("machine"), files_.Machine());
  EXPECT_TRUE(side.Do("say what is asked").ok());
  EXPECT_TRUE(side.Make("file", 10, 1).ok());
  EXPECT_TRUE(side.Do("open f no-such read").status().Is(StatusCode::kNotFound));
  EXPECT_TRUE(side.Do("end it fits").ok());
  const Result<std::string> last_word = peer.get();
  ASSERT_TRUE(last_word.ok()) << last_word.status().message();
  EXPECT_EQ(*last_word, "it fits");
  EXPECT_EQ(told_, "what is asked;");
  EXPECT_EQ(TempDirectory::Names(folder_->path()), (std::vector<std::string>{"file", "peer", "probe"}));
}

TEST_F(ExchangeTest, A_second_peer_waits_for_another_probe) {
  ASSERT_TRUE(PostMessage(files_, folder_->path() + "/peer", "sqlite-efs a b c").ok());
  const Result<Joined> joined = JoinProbe(files_, SystemClock(), directory_.path(), Duration::zero());
  EXPECT_TRUE(joined.status().Is(StatusCode::kUnavailable));
  EXPECT_NE(joined.status().message().find(directory_.path()), std::string::npos);
}

TEST_F(ExchangeTest, A_peer_is_told_when_the_probe_ends_before_its_questions) {
  auto peer = StartPeer();
  ASSERT_NE(AwaitPeer(files_, SystemClock(), *folder_, kLong), nullptr);
  folder_.reset();
  const Result<std::string> last_word = peer.get();
  EXPECT_TRUE(last_word.status().Is(StatusCode::kUnavailable));
  EXPECT_TRUE(directory_.Names().empty());
}

TEST_F(ExchangeTest, A_peer_that_has_ended_is_not_waited_for) {
  ASSERT_TRUE(PostMessage(files_, folder_->path() + "/gone", "gone").ok());
  testing::ManualClock clock;
  PeerHand hand(files_, clock, *folder_, {"machine", "host", "12"});
  Side side(hand);
  EXPECT_TRUE(side.Do("machine").status().Is(StatusCode::kUnavailable));
  EXPECT_EQ(clock.Now(), testing::ManualClock().Now());
}

TEST_F(ExchangeTest, A_peer_that_has_died_is_noticed_by_its_lock) {
  testing::ManualClock clock;
  ASSERT_TRUE(JoinProbe(files_, clock, directory_.path(), kLong).ok());  // and goes at once
  PeerHand hand(files_, clock, *folder_, ThisParty(files_));
  Side side(hand);
  const Result<std::string> answer = side.Do("machine");
  EXPECT_NE(answer.status().message().find("has died"), std::string::npos) << answer.status().message();
}

TEST_F(ExchangeTest, A_peer_that_does_not_answer_is_waited_for_once) {
  testing::ManualClock clock;
  const Result<Joined> joined = JoinProbe(files_, clock, directory_.path(), kLong);
  ASSERT_TRUE(joined.ok());
  PeerHand hand(files_, clock, *folder_, {"machine", "host", "12"});
  Side side(hand);
  EXPECT_TRUE(side.Do("machine").status().Is(StatusCode::kUnavailable));
  const Instant then = clock.Now();
  EXPECT_GT(then, testing::ManualClock().Now());
  EXPECT_NE(side.Do("machine").status().message().find("host host, process 12"), std::string::npos);
  EXPECT_EQ(clock.Now(), then);
}

TEST_F(ExchangeTest, No_peer_comes) {
  testing::ManualClock clock;
  EXPECT_EQ(AwaitPeer(files_, clock, *folder_, std::chrono::seconds(3)), nullptr);
}

TEST_F(ExchangeTest, A_peer_removes_what_a_killed_probe_has_left) {
  testing::ManualClock clock;
  const std::string dead = directory_ / "sqlite-efs-probe.0";
  std::filesystem::create_directory(dead);
  testing::WriteWholeFile(dead + "/probe", MessageOf(ThisParty(files_)) + "\n");
  EXPECT_FALSE(ServeProbe(files_, clock, {dead, nullptr}, [](const std::string&) {}).ok());
  EXPECT_FALSE(std::filesystem::exists(dead));
}

}  // namespace
}  // namespace sqlite_efs::probe
