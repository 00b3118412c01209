#include "lease/dynamodb_lease_store.h"

#include <gtest/gtest.h>

#include "lease/lease.h"
#include "testing/dynamodb_service.h"
#include "testing/manual_clock.h"

namespace sqlite_efs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::DynamoDbService;
using testing::ManualClock;
using Fate = DynamoDbService::Fate;

constexpr const char* kId = "01234567-89ab-4cde-8f01-23456789abcd";
constexpr Duration kLimit = seconds(2);
constexpr Duration kGrace = milliseconds(100);

Takeover Expired(int64_t before_ms) { return {before_ms, "", 0, false}; }
Takeover Unchanged(const std::string& lock_id, uint64_t version = 0) { return {0, lock_id, version, false}; }

// A process that wants the lease, one attempt after the other.
struct Client {
  Client(DynamoDbService& service, ManualClock& its_clock, std::string its_name)
      : clock(its_clock), name(std::move(its_name)), store(service.NewStore(its_clock)) {}

  void Begin() {
    record = {};
    record.database_id = kId;
    record.lock_id = name + "/" + std::to_string(++attempts);
    record.holder = name;
  }
  Result<AcquireReply> Try(const Takeover& takeover = {}) {
    record.since_ms = clock.WallTime_ms();
    record.lease_ms = 10'000;
    record.expires_at_ms = record.since_ms + record.lease_ms;
    return store->TryAcquire(record, takeover, kLimit);
  }
  Result<AcquireReply> BeginAndTry() {
    Begin();
    return Try();
  }
  bool Renew() {
    record.version++;
    record.expires_at_ms = clock.WallTime_ms() + record.lease_ms;
    const Result<bool> renewed = store->Renew(record, kLimit);
    return renewed.ok() && *renewed;
  }
  Status Release(const std::optional<CleanRelease>& clean) { return store->Release(record, clean, kLimit); }

  ManualClock& clock;
  std::string name;
  std::unique_ptr<DynamoDbLeaseStore> store;
  LeaseRecord record;
  int attempts = 0;
};

class DynamoDbLeaseStoreTest : public ::testing::Test {
 protected:
  nlohmann::json Item() {
    const nlohmann::json* item = service_.table.Find(kId);
    return item == nullptr ? nlohmann::json() : *item;
  }
  std::string Text(const char* attribute) {
    const nlohmann::json item = Item();
    return item.contains(attribute) ? item[attribute]["S"].get<std::string>() : "";
  }
  size_t Requests(const std::function<void()>& what) {
    const size_t before = service_.requests;
    what();
    return service_.requests - before;
  }
  static bool Acquired(const Result<AcquireReply>& reply) { return reply.ok() && reply->acquired; }

  DynamoDbService service_;
  ManualClock clock_;
  Client a_{service_, clock_, "a"};
  Client b_{service_, clock_, "b"};
  Client c_{service_, clock_, "c"};
  const CleanRelease clean_ = {7, 0xfedcba9876543210, 12, "dynamodb/eu-west-1/locks"};
};

// --- one process

TEST_F(DynamoDbLeaseStoreTest, A_tenure_takes_two_requests) {
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(Requests([&] {
                const Result<AcquireReply> reply = a_.BeginAndTry();
                ASSERT_TRUE(Acquired(reply)) << reply.status().message();
                EXPECT_FALSE(reply->others_wait);
                EXPECT_EQ(reply->record.has_value(), i > 0);
                if (i > 0) {
                  EXPECT_EQ(reply->record->released, clean_);
                }
                EXPECT_EQ(Text("lock_id"), a_.record.lock_id);
                ASSERT_TRUE(a_.Release(clean_).ok());
              }),
              2U);
    EXPECT_EQ(Text("lock_id"), "");
  }
}

TEST_F(DynamoDbLeaseStoreTest, Its_name_tells_tables_apart) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  EXPECT_EQ(a_.store->name(), clean_.store);
}

TEST_F(DynamoDbLeaseStoreTest, Another_process_joins_what_was_released_cleanly) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_TRUE(a_.Release(clean_).ok());
  const Result<AcquireReply> reply = b_.BeginAndTry();
  ASSERT_TRUE(Acquired(reply));
  EXPECT_EQ(reply->record->released, clean_);
  ASSERT_TRUE(b_.Release(std::nullopt).ok());
  EXPECT_FALSE(c_.BeginAndTry()->record->released.has_value());
}

TEST_F(DynamoDbLeaseStoreTest, Who_comes_back_sees_what_others_left_meanwhile) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_TRUE(a_.Release(clean_).ok());
  ASSERT_TRUE(Acquired(b_.BeginAndTry()));
  CleanRelease theirs = clean_;
  theirs.segment++;
  ASSERT_TRUE(b_.Release(theirs).ok());
  EXPECT_EQ(a_.BeginAndTry()->record->released, theirs);
  ASSERT_TRUE(a_.Release(clean_).ok());
  EXPECT_EQ(a_.BeginAndTry()->record->released, clean_);
  // This tenure ends without its doing: then what it would have left is not there.
  b_.Begin();
  b_.record.holder.clear();
  ASSERT_TRUE(Acquired(b_.Try(Unchanged(a_.record.lock_id))));
  ASSERT_TRUE(a_.Release(clean_).ok());
  ASSERT_TRUE(b_.Release(std::nullopt).ok());
  EXPECT_FALSE(a_.BeginAndTry()->record->released.has_value());
  // Nor is it where the item was removed.
  ASSERT_TRUE(a_.Release(clean_).ok());
  service_.table.Remove(kId);
  EXPECT_FALSE(a_.BeginAndTry()->record.has_value());
}

TEST_F(DynamoDbLeaseStoreTest, A_refusal_shows_the_holder) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  const Result<AcquireReply> reply = b_.BeginAndTry();
  ASSERT_TRUE(reply.ok());
  EXPECT_FALSE(reply->acquired);
  EXPECT_EQ(reply->record, a_.record);
}

TEST_F(DynamoDbLeaseStoreTest, A_renewal_keeps_it_and_none_revives_it) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  clock_.Move(seconds(5));
  EXPECT_TRUE(a_.Renew());
  EXPECT_EQ(Item()["expires_at_ms"]["N"], std::to_string(clock_.WallTime_ms() + 10'000));
  LeaseRecord older = a_.record;
  older.version--;
  EXPECT_FALSE(*a_.store->Renew(older, kLimit)) << "a later one was carried out";
  ASSERT_TRUE(a_.Release(clean_).ok());
  EXPECT_FALSE(a_.Renew());
  ASSERT_TRUE(Acquired(b_.BeginAndTry()));
  EXPECT_FALSE(a_.Renew());
  EXPECT_EQ(Text("lock_id"), b_.record.lock_id);
}

TEST_F(DynamoDbLeaseStoreTest, A_release_leaves_anothers_record_alone) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  const nlohmann::json before = Item();
  b_.Begin();
  EXPECT_TRUE(b_.Release(clean_).ok());
  EXPECT_TRUE(b_.Release(std::nullopt).ok());
  EXPECT_EQ(Item(), before);
  service_.table.Remove(kId);
  EXPECT_TRUE(a_.Release(clean_).ok());
  EXPECT_TRUE(Item().is_null());
}

TEST_F(DynamoDbLeaseStoreTest, An_attempt_that_never_was_a_tenure_leaves_nothing_behind) {
  service_.Expect({Fate::kReplyLost});
  EXPECT_FALSE(a_.BeginAndTry().ok());
  EXPECT_EQ(Text("lock_id"), a_.record.lock_id);
  EXPECT_TRUE(a_.Release(std::nullopt).ok());
  EXPECT_TRUE(Item().is_null());
}

// --- taking over

TEST_F(DynamoDbLeaseStoreTest, An_expired_holder_is_replaced_and_others_are_not) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  b_.Begin();
  EXPECT_FALSE(b_.Try(Expired(a_.record.expires_at_ms))->acquired);
  const Result<AcquireReply> reply = b_.Try(Expired(a_.record.expires_at_ms + 1));
  ASSERT_TRUE(Acquired(reply));
  EXPECT_EQ(reply->record, a_.record);
  EXPECT_FALSE(a_.Renew());
}

TEST_F(DynamoDbLeaseStoreTest, An_unchanged_holder_is_replaced_unless_it_renews_at_that_moment) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  const Takeover takeover = Unchanged(a_.record.lock_id);
  ASSERT_FALSE(b_.BeginAndTry()->acquired);
  service_.before = [&](const HttpRequest&) {
    service_.before = nullptr;
    EXPECT_TRUE(a_.Renew());
  };
  EXPECT_FALSE(b_.Try(takeover)->acquired);
  EXPECT_FALSE(c_.BeginAndTry()->acquired);
  EXPECT_TRUE(Acquired(c_.Try(Unchanged(a_.record.lock_id, 1))));
}

TEST_F(DynamoDbLeaseStoreTest, The_end_of_an_expired_item_is_no_loss) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_FALSE(b_.BeginAndTry()->acquired);
  service_.table.Remove(kId);  // as DynamoDB does with what has expired
  const Result<AcquireReply> reply = b_.Try();
  ASSERT_TRUE(Acquired(reply));
  EXPECT_FALSE(reply->record.has_value()) << "nothing to join";
  EXPECT_FALSE(a_.Renew());
  EXPECT_TRUE(a_.Release(clean_).ok());
  EXPECT_EQ(Text("lock_id"), b_.record.lock_id);
}

TEST_F(DynamoDbLeaseStoreTest, A_record_of_another_program_is_respected_and_kept_as_it_is) {
  const nlohmann::json foreign = {{"pk", {{"S", kId}}},
                                  {"lock_id", {{"S", "theirs"}}},
                                  {"expires_at", {{"N", "1700000100"}}},
                                  {"x", {{"BOOL", true}}}};
  *service_.table.Put(kId) = foreign;
  const Result<AcquireReply> reply = a_.BeginAndTry();
  EXPECT_FALSE(reply->acquired);
  EXPECT_EQ(reply->record->expires_at_ms, 1'700'000'100'000);
  nlohmann::json but_queue = Item();
  but_queue.erase("queue");
  EXPECT_EQ(but_queue, foreign);
  EXPECT_TRUE(Acquired(a_.Try(Expired(1'700'000'100'001))));
}

// --- requests that come late or twice

TEST_F(DynamoDbLeaseStoreTest, A_late_or_doubled_request_takes_no_lease_after_its_tenure) {
  for (const Fate fate : {Fate::kLate, Fate::kDoubled}) {
    service_.Expect({fate});
    (void)a_.BeginAndTry();
    if (fate == Fate::kLate) {
      EXPECT_TRUE(Acquired(a_.Try()));
    }
    ASSERT_TRUE(a_.Release(clean_).ok());
    const nlohmann::json before = Item();
    EXPECT_EQ(service_.Deliver(), 1U);
    EXPECT_EQ(Item(), before);
    for (Client* client : {&b_, &c_}) {
      ASSERT_TRUE(Acquired(client->BeginAndTry()));
      ASSERT_TRUE(client->Release(clean_).ok());
    }
  }
}

TEST_F(DynamoDbLeaseStoreTest, A_tenure_that_came_and_went_is_still_known_after_those_of_others) {
  service_.Expect({Fate::kDoubled});
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_TRUE(a_.Release(clean_).ok());
  for (Client* client : {&b_, &c_}) {
    ASSERT_TRUE(Acquired(client->BeginAndTry()));
    ASSERT_TRUE(client->Release(clean_).ok());
  }
  const nlohmann::json before = Item();
  EXPECT_EQ(service_.Deliver(), 1U);
  EXPECT_EQ(Item(), before);
}

TEST_F(DynamoDbLeaseStoreTest, No_request_that_comes_twice_changes_what_came_after) {
  const std::vector<std::function<void()>> steps = {
      [&] { EXPECT_TRUE(Acquired(a_.BeginAndTry())); },
      [&] { EXPECT_FALSE(b_.BeginAndTry()->acquired); },
      [&] { EXPECT_TRUE(a_.Renew()); },
      [&] { EXPECT_FALSE(c_.BeginAndTry()->acquired); },
      [&] { EXPECT_TRUE(a_.Release(clean_).ok()); },
      [&] { EXPECT_TRUE(Acquired(b_.Try())); },
      [&] { EXPECT_TRUE(b_.Release(clean_).ok()); },
      [&] { EXPECT_TRUE(Acquired(c_.Try())); },
      [&] { EXPECT_TRUE(c_.Release(std::nullopt).ok()); },
      [&] { EXPECT_TRUE(Acquired(a_.BeginAndTry())); },
  };
  std::vector<HttpRequest> sent;
  service_.before = [&](const HttpRequest& request) { sent.push_back(request); };
  for (const auto& step : steps) {
    step();
    const nlohmann::json before = Item();
    for (const HttpRequest& request : sent) {
      (void)service_.table.Serve(request);
      EXPECT_EQ(Item(), before) << request.body;
    }
  }
}

// --- the queue

TEST_F(DynamoDbLeaseStoreTest, Waiters_are_served_in_the_order_in_which_they_came) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  EXPECT_TRUE(b_.BeginAndTry()->next);
  const Result<AcquireReply> refused = c_.BeginAndTry();
  EXPECT_FALSE(refused->next);
  EXPECT_GT(refused->turn_in, Duration::zero());
  ASSERT_TRUE(a_.Release(clean_).ok());
  EXPECT_FALSE(a_.BeginAndTry()->acquired) << "who comes back comes last";
  EXPECT_FALSE(c_.Try()->acquired);
  const Result<AcquireReply> first = b_.Try();
  ASSERT_TRUE(Acquired(first));
  EXPECT_TRUE(first->others_wait);
  EXPECT_EQ(first->record->released, clean_) << "the queue hides no promise";
  ASSERT_TRUE(b_.Release(clean_).ok());
  EXPECT_FALSE(a_.Try()->acquired);
  EXPECT_TRUE(Acquired(c_.Try()));
  ASSERT_TRUE(c_.Release(clean_).ok());
  const Result<AcquireReply> last = a_.Try();
  ASSERT_TRUE(Acquired(last));
  EXPECT_FALSE(last->others_wait);
}

TEST_F(DynamoDbLeaseStoreTest, Waiting_is_no_sign_of_life_and_a_heartbeat_keeps_the_queue) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  const nlohmann::json held = Item();
  ASSERT_FALSE(b_.BeginAndTry()->acquired);
  nlohmann::json but_queue = Item();
  but_queue.erase("queue");
  EXPECT_EQ(but_queue, held);
  EXPECT_TRUE(a_.Renew());
  ASSERT_FALSE(c_.BeginAndTry()->acquired);
  EXPECT_TRUE(a_.Renew());
  ASSERT_TRUE(a_.Release(std::nullopt).ok());
  EXPECT_EQ(LeaseQueue::Parse(Text("queue")).Ahead("somebody"), 2U);
}

TEST_F(DynamoDbLeaseStoreTest, Who_died_in_the_queue_holds_it_up_once) {
  Client dead1(service_, clock_, "dead1");
  Client dead2(service_, clock_, "dead2");
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  for (Client* client : {&dead1, &dead2, &b_, &c_}) ASSERT_FALSE(client->BeginAndTry()->acquired);
  ASSERT_TRUE(a_.Release(clean_).ok());
  const Result<AcquireReply> refused = b_.Try();
  EXPECT_FALSE(refused->acquired);
  EXPECT_LT(refused->turn_in, 2 * kGrace) << "somebody before it may come and go";
  clock_.Move(2 * kGrace - milliseconds(1));
  EXPECT_FALSE(b_.Try()->acquired);
  EXPECT_FALSE(c_.Try()->acquired);
  clock_.Move(milliseconds(1));
  EXPECT_FALSE(c_.Try()->acquired);
  EXPECT_TRUE(Acquired(b_.Try()));
  ASSERT_TRUE(b_.Release(clean_).ok());
  EXPECT_TRUE(Acquired(c_.Try())) << "nobody waits for the dead twice";
  EXPECT_EQ(Text("queue"), "");
}

TEST_F(DynamoDbLeaseStoreTest, Who_was_slow_once_may_still_come) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_FALSE(b_.BeginAndTry()->acquired);
  ASSERT_FALSE(c_.BeginAndTry()->acquired);
  ASSERT_TRUE(a_.Release(clean_).ok());
  EXPECT_FALSE(c_.Try()->acquired);
  clock_.Move(kGrace);
  ASSERT_TRUE(Acquired(c_.Try()));
  EXPECT_FALSE(a_.BeginAndTry()->acquired);
  EXPECT_TRUE(b_.Try()->next);
  ASSERT_TRUE(c_.Release(clean_).ok());
  EXPECT_TRUE(Acquired(b_.Try()));
}

TEST_F(DynamoDbLeaseStoreTest, Who_gave_up_waiting_stands_in_nobodys_way) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_FALSE(b_.BeginAndTry()->acquired);
  ASSERT_FALSE(c_.BeginAndTry()->acquired);
  EXPECT_EQ(Requests([&] { b_.store->StopWaiting(); }), 2U) << "the queue had changed since";
  ASSERT_TRUE(a_.Release(clean_).ok());
  EXPECT_TRUE(Acquired(c_.Try()));
}

TEST_F(DynamoDbLeaseStoreTest, Who_does_not_wait_asks_once) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  const nlohmann::json before = Item();
  Takeover takeover;
  takeover.is_last_attempt = true;
  b_.Begin();
  EXPECT_EQ(Requests([&] { EXPECT_FALSE(b_.Try(takeover)->acquired); }), 1U);
  EXPECT_EQ(Requests([&] { b_.store->StopWaiting(); }), 0U);
  EXPECT_EQ(Item(), before);
}

TEST_F(DynamoDbLeaseStoreTest, Who_waits_for_no_answer_does_not_wait_longer_to_leave) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_FALSE(b_.BeginAndTry()->acquired);
  service_.Expect({Fate::kLost});
  EXPECT_FALSE(b_.Try().ok());
  EXPECT_EQ(Requests([&] { b_.store->StopWaiting(); }), 0U);
}

TEST_F(DynamoDbLeaseStoreTest, A_holder_that_died_is_replaced_by_any_waiter_and_the_others_keep_their_places) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_FALSE(b_.BeginAndTry()->acquired);
  ASSERT_FALSE(c_.BeginAndTry()->acquired);
  EXPECT_TRUE(Acquired(c_.Try(Unchanged(a_.record.lock_id))));
  EXPECT_TRUE(b_.Try()->next);
}

TEST_F(DynamoDbLeaseStoreTest, The_queue_is_bounded_and_who_finds_it_full_is_served_all_the_same) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  std::vector<std::unique_ptr<Client>> crowd;
  for (size_t i = 0; i < LeaseQueue::kMaxWaiters; i++) {
    crowd.push_back(std::make_unique<Client>(service_, clock_, "crowd" + std::to_string(i)));
    ASSERT_FALSE(crowd.back()->BeginAndTry()->acquired);
  }
  const std::string full = Text("queue");
  const Result<AcquireReply> refused = b_.BeginAndTry();
  EXPECT_FALSE(refused->acquired || refused->next);
  EXPECT_EQ(Text("queue"), full);
  EXPECT_LT(Item().dump().size(), 1024U) << "what one unit of capacity pays for";
  ASSERT_TRUE(a_.Release(clean_).ok());
  EXPECT_FALSE(b_.Try()->acquired);
  clock_.Move(milliseconds(500));
  EXPECT_TRUE(Acquired(b_.Try()));
}

TEST_F(DynamoDbLeaseStoreTest, A_lost_ticket_is_put_back) {
  ASSERT_TRUE(Acquired(a_.BeginAndTry()));
  ASSERT_FALSE(b_.BeginAndTry()->acquired);
  service_.table.Find(kId)->erase("queue");
  EXPECT_TRUE(b_.Try()->next);
  EXPECT_NE(Text("queue"), "");
}

TEST_F(DynamoDbLeaseStoreTest, Any_text_in_the_place_of_the_queue_does_no_harm) {
  for (const nlohmann::json& queue :
       {nlohmann::json{{"S", std::string(3000, 'x')}}, {{"N", "7"}}, {{"L", nlohmann::json::array()}}, {{"S", ""}}}) {
    ASSERT_TRUE(Acquired(a_.BeginAndTry()));
    (*service_.table.Find(kId))["queue"] = queue;
    EXPECT_TRUE(b_.BeginAndTry()->next) << queue;
    EXPECT_TRUE(a_.Renew());
    ASSERT_TRUE(a_.Release(clean_).ok());
    EXPECT_TRUE(Acquired(b_.Try()));
    ASSERT_TRUE(b_.Release(clean_).ok());
  }
}

// --- garbage

TEST_F(DynamoDbLeaseStoreTest, A_reply_that_cannot_be_understood_leaves_the_outcome_open) {
  for (const char* body : {"", "<html>", "[]", R"({"Attributes":7})"}) {
    service_.answer = HttpResponse{200, {{"x-amzn-RequestId", "0"}, {"x-amz-crc32", "0"}}, body};
    EXPECT_TRUE(a_.BeginAndTry().status().Is(StatusCode::kUnavailable)) << body;
    EXPECT_TRUE(a_.store->Renew(a_.record, kLimit).status().Is(StatusCode::kUnavailable));
    EXPECT_TRUE(a_.Release(clean_).Is(StatusCode::kUnavailable));
  }
}

TEST_F(DynamoDbLeaseStoreTest, A_table_that_always_refuses_is_not_asked_for_ever) {
  for (const char* item : {"", R"(,"Item":{"pk":{"S":"x"}})", R"(,"Item":{"pk":{"S":"x"},"lock_id":{"S":"a/1"}})"}) {
    a_.attempts = 0;
    service_.answer =
        HttpResponse{400, {}, R"({"__type":"x#ConditionalCheckFailedException")" + std::string(item) + "}"};
    EXPECT_LE(Requests([&] { EXPECT_FALSE(Acquired(a_.BeginAndTry())); }), 8U) << item;
    EXPECT_LE(Requests([&] { (void)a_.store->Renew(a_.record, kLimit); }), 8U) << item;
    EXPECT_LE(Requests([&] { (void)a_.Release(clean_); }), 8U) << item;
  }
}

TEST_F(DynamoDbLeaseStoreTest, A_permanent_error_is_told_as_one) {
  service_.answer = HttpResponse{400, {}, R"({"__type":"x#AccessDeniedException"})"};
  EXPECT_TRUE(a_.BeginAndTry().status().Is(StatusCode::kReadOnly));
}

// --- under the rules of Lease

TEST_F(DynamoDbLeaseStoreTest, A_lease_holds_over_lost_replies_and_takes_two_calls_without) {
  const auto lease = std::make_unique<Lease>(service_.NewStore(clock_), clock_, clock_.NewAlarm(), LeaseOptions(), kId,
                                             "/data/db.sqlite3");
  for (const std::vector<Fate>& fates : std::vector<std::vector<Fate>>{
           {}, {Fate::kLost}, {Fate::kReplyLost}, {Fate::kLate}, {Fate::kServed, Fate::kReplyLost}}) {
    service_.Expect(fates);
    const size_t requests = Requests([&] {
      ASSERT_TRUE(lease->Acquire(clock_.Now() + seconds(5)).ok());
      clock_.Advance(milliseconds(20));
      ASSERT_TRUE(lease->Release(clean_).ok());
    });
    EXPECT_TRUE(fates.empty() ? requests == 2U : requests > 2U);
    service_.Deliver();
    EXPECT_EQ(Text("lock_id"), "");
  }
}

}  // namespace
}  // namespace sqlite_efs
