#include "lease/dynamodb_item.h"

#include <gtest/gtest.h>

#include "lease/dynamodb_reply.h"

namespace sqlite_efs {
namespace {

LeaseRecord Record() {
  LeaseRecord record;
  record.database_id = "01234567-89ab-4cde-8f01-23456789abcd";
  record.lock_id = "process/7";
  record.version = UINT64_MAX;
  record.expires_at_ms = 1'700'000'010'001;
  record.lease_ms = 10'000;
  record.holder = "a \"host\"\n, process 12 (\xff)";
  record.since_ms = 1'700'000'000'001;
  return record;
}

DynamoDbItem Reread(const DynamoDbItem& item) {
  const auto read = ParseReply("{\"Item\":" + FormatAttributes(item.attributes) + "}", "Item");
  EXPECT_TRUE(read.ok() && read->has_value());
  return **read;
}

TEST(DynamoDbItemTest, A_held_record_is_read_as_it_was_made) {
  LeaseRecord record = Record();
  const DynamoDbItem read = Reread(HeldItem(record, LeaseQueue::Parse("a b!")));
  record.holder = "a \"host\"\n, process 12 (\xef\xbf\xbd)";
  EXPECT_EQ(read.record, record);
  EXPECT_EQ(read.queue.Format(), "a b!");
  EXPECT_EQ(read.attributes.at("expires_at"), R"({"N":"1700000011"})") << "whole seconds, not too early";
  EXPECT_FALSE(Reread(HeldItem(record, {})).attributes.contains("queue"));
}

TEST(DynamoDbItemTest, A_released_record_names_no_holder_and_never_expires) {
  const CleanRelease clean = {7, UINT64_MAX, 12, "dynamodb/eu-west-1/locks"};
  const DynamoDbItem read = Reread(ReleasedItem(Record(), clean, " older/1 ", LeaseQueue::Parse("a")));
  EXPECT_EQ(read.record.lock_id, "");
  EXPECT_EQ(read.record.expires_at_ms, 0);
  EXPECT_EQ(read.record.released, clean);
  EXPECT_EQ(read.past, " process/7  older/1 ");
  EXPECT_EQ(read.queue.Format(), "a");
  for (const char* name : {"lock_id", "expires_at", "expires_at_ms"}) EXPECT_FALSE(read.attributes.contains(name));
  EXPECT_FALSE(Reread(ReleasedItem(Record(), std::nullopt, "", {})).record.released.has_value());
}

TEST(DynamoDbItemTest, The_past_is_bounded) {
  std::string past;
  for (int i = 0; i < 100; i++) past = AddToPast("uuid/" + std::to_string(i), past);
  EXPECT_EQ(past.find(InPast("uuid/99")), 0U);
  EXPECT_NE(past.find(InPast("uuid/92")), std::string::npos);
  EXPECT_EQ(past.find("uuid/91"), std::string::npos);
  EXPECT_EQ(past.find(InPast("uuid/9")), std::string::npos) << "a part of a name is none";
  EXPECT_EQ(AddToPast("a", std::string(5000, 'x')), " a ");
}

TEST(DynamoDbItemTest, What_other_programs_wrote_is_kept_and_understood_as_far_as_it_goes) {
  const auto read = ParseReply(
      R"({"Item":{"pk":{"S":"x"},"lock_id":{"S":"theirs"},"expires_at":{"N":"1700000000"},"note":{"L":[{"BOOL":true}]}}})",
      "Item");
  ASSERT_TRUE(read.ok() && read->has_value());
  EXPECT_EQ((*read)->record.lock_id, "theirs");
  EXPECT_EQ((*read)->record.expires_at_ms, 1'700'000'000'000);
  EXPECT_EQ((*read)->attributes.at("note"), R"({"L":[{"BOOL":true}]})");
}

TEST(DynamoDbItemTest, A_lock_id_of_another_type_is_one) {
  const auto read = ParseReply(R"({"Item":{"pk":{"S":"x"},"lock_id":{"N":"5"}}})", "Item");
  EXPECT_NE((*read)->record.lock_id, "");
}

TEST(DynamoDbItemTest, A_half_promise_is_none) {
  for (const char* released :
       {R"({"S":"7"})", R"({"M":{}})", R"({"M":7})", "{}",
        R"({"M":[{"segment":{"N":"7"},"salts":{"N":"1"},"frames":{"N":"1"},"store":{"S":"s"}}]})",
        R"({"L":[{"segment":{"N":"7"},"salts":{"N":"1"},"frames":{"N":"1"},"store":{"S":"s"}}]})",
        R"({"M":{"M":{"segment":{"N":"7"},"salts":{"N":"1"},"frames":{"N":"1"},"store":{"S":"s"}}}})",
        R"({"M":{"segment":{"N":["7"]},"salts":{"N":"1"},"frames":{"N":"1"},"store":{"S":"s"}}})",
        R"({"M":{"segment":{"N":"7"},"salts":{"N":"1"},"frames":{"N":"1"}}})",
        R"({"M":{"segment":{"N":"-7"},"salts":{"N":"1"},"frames":{"N":"1"},"store":{"S":"s"}}})",
        R"({"M":{"segment":{"N":"7"},"salts":{"N":"1.5"},"frames":{"N":"1"},"store":{"S":"s"}}})",
        R"({"M":{"segment":{"N":"7"},"salts":{"N":"1"},"frames":{"N":"4294967296"},"store":{"S":"s"}}})"}) {
    SCOPED_TRACE(released);
    const auto read = ParseReply(R"({"Item":{"pk":{"S":"x"},"released":)" + std::string(released) + "}}", "Item");
    ASSERT_TRUE(read.ok() && read->has_value());
    EXPECT_FALSE((*read)->record.released.has_value());
  }
}

TEST(DynamoDbItemTest, A_reply_without_an_item_has_none) {
  for (const char* body : {"{}", R"({"Item":null})", R"({"__type":"x#ConditionalCheckFailedException"})"}) {
    const auto read = ParseReply(body, "Item");
    ASSERT_TRUE(read.ok());
    EXPECT_FALSE(read->has_value());
  }
}

TEST(DynamoDbItemTest, Garbage_tells_nothing) {
  const std::string huge = R"({"Item":{"pk":{"S":")" + std::string(1 << 20, 'x') + R"("}}})";
  const std::string deep = R"({"Item":{"pk":{"L":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}}}";
  for (const std::string& body :
       {deep, std::string(), std::string("<html>"), std::string("[]"), std::string(R"({"Item":7})"),
        std::string(R"({"Item":{"pk":"x"}})"), std::string(R"({"Item":{"pk":)"),
        std::string(R"({"Item":{"pk":{"S":"x"},"pk":{"S":"y"}}})"), std::string(R"({"status":"fine"})"), huge}) {
    EXPECT_TRUE(ParseReply(body, "Item").status().Is(StatusCode::kUnavailable));
  }
}

TEST(DynamoDbItemTest, Attributes_of_others_are_kept_whatever_they_are) {
  const std::string brackets(200, '[');
  const DynamoDbAttributes attributes = {{"b", R"({"BOOL":true})"},
                                         {"l", R"({"L":[{"N":"1"},{"S":"x"}]})"},
                                         {"m", R"({"M":{"a":{"M":{}},"b":{"NS":["1","2"]},"c":{"S":"\\\"{["}}})"},
                                         {"s", TextValue(brackets + "\"" + brackets)}};
  const Result<std::optional<DynamoDbItem>> item =
      ParseReply("{\"Item\":" + FormatAttributes(attributes) + "}", "Item");
  ASSERT_TRUE(item.ok());
  EXPECT_EQ((*item)->attributes, attributes);
}

}  // namespace
}  // namespace sqlite_efs
