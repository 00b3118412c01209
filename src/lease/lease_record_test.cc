#include "lease/lease_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sqlite_efs {
namespace {

LeaseRecord Sample() {
  LeaseRecord record;
  record.database_id = "01234567-89ab-4cde-8f01-23456789abcd";
  record.lock_id = "attempt";
  record.holder = "host, process 12 (\"a\tprogram\")";
  record.since_ms = 1'700'000'000'123;
  return record;
}

TEST(LeaseRecordTest, Comes_back_as_it_was) {
  LeaseRecord record = Sample();
  EXPECT_EQ(ParseLeaseRecord(FormatLeaseRecord(record)), record);
  record.lock_id = "";
  record.released = CleanRelease{UINT64_MAX, UINT64_MAX, UINT32_MAX, "embedded"};
  EXPECT_EQ(ParseLeaseRecord(FormatLeaseRecord(record)), record);
  record.since_ms = -1;
  record.version = UINT64_MAX;
  record.expires_at_ms = INT64_MAX;
  record.lease_ms = INT64_MIN;
  EXPECT_EQ(ParseLeaseRecord(FormatLeaseRecord(record)), record);
}

TEST(LeaseRecordTest, Is_one_line) {
  LeaseRecord record = Sample();
  record.holder = "two\nlines";
  EXPECT_EQ(FormatLeaseRecord(record).find('\n'), std::string::npos);
  EXPECT_EQ(ParseLeaseRecord(FormatLeaseRecord(record))->holder, "two\nlines");
}

TEST(LeaseRecordTest, Is_written_as_a_library_for_JSON_does) {
  LeaseRecord record = Sample();
  record.released = CleanRelease{1, UINT64_MAX, 3, "a \"store\"\\ in \x7f M\u00fcnchen"};
  for (const char* holder : {"plain", "", "quoted \" and \\ and \t", "not ASCII: \u00e9"}) {
    record.holder = holder;
    const std::string text = FormatLeaseRecord(record);
    EXPECT_EQ(nlohmann::json::parse(text).dump(), text);
    EXPECT_EQ(ParseLeaseRecord(text), record);
  }
}

TEST(LeaseRecordTest, May_be_padded) {
  EXPECT_EQ(ParseLeaseRecord(FormatLeaseRecord(Sample()) + std::string(500, ' ') + "\n"), Sample());
}

TEST(LeaseRecordTest, A_holder_that_is_not_text_does_no_harm) {
  LeaseRecord record = Sample();
  record.holder = "\xff\xfe";
  EXPECT_TRUE(ParseLeaseRecord(FormatLeaseRecord(record)).has_value());
}

TEST(LeaseRecordTest, Further_fields_are_allowed) {
  std::string text = FormatLeaseRecord(Sample());
  text.insert(1, "\"expires_at\":5,");
  EXPECT_EQ(ParseLeaseRecord(text), Sample());
}

TEST(LeaseRecordTest, Garbage_is_no_record) {
  const std::string good =
      R"({"version":1,"pk":"p","lock_id":"l","lock_version":1,"expires_at_ms":0,"lease_ms":0,"holder":"h","since_ms":1,"released":{"segment":1,"salts":2,"frames":3,"store":"s"}})";
  ASSERT_TRUE(ParseLeaseRecord(good).has_value());
  const auto replaced = [&](const std::string& what, const std::string& by) {
    std::string text = good;
    return text.replace(text.find(what), what.size(), by);
  };
  for (const std::string& text : {std::string(),
                                  std::string(1024, '\0'),
                                  std::string("null"),
                                  std::string("[]"),
                                  std::string("{}"),
                                  good.substr(0, good.size() - 1),
                                  good + "x",
                                  good + good,
                                  replaced("\"version\":1", "\"version\":2"),
                                  replaced("\"version\":1,", ""),
                                  replaced("\"pk\":\"p\"", "\"pk\":1"),
                                  replaced("\"lock_id\":\"l\",", ""),
                                  replaced("\"lock_version\":1,", ""),
                                  replaced("\"expires_at_ms\":0", "\"expires_at_ms\":\"0\""),
                                  replaced("\"lease_ms\":0,", ""),
                                  replaced("\"since_ms\":1", "\"since_ms\":\"1\""),
                                  replaced("\"since_ms\":1", "\"since_ms\":1.5"),
                                  replaced("\"segment\":1", "\"segment\":-1"),
                                  replaced("\"frames\":3", "\"frames\":4294967296"),
                                  replaced("\"frames\":3,", ""),
                                  replaced("\"store\":\"s\"", "\"store\":null"),
                                  replaced(R"({"segment":1,"salts":2,"frames":3,"store":"s"})", "true")}) {
    EXPECT_FALSE(ParseLeaseRecord(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sqlite_efs
