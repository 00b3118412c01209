#include "aws/timestamp.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

TEST(TimestampTest, Reads_what_AWS_writes) {
  EXPECT_EQ(ParseTimestamp_ms("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseTimestamp_ms("2026-01-02T03:04:05Z"), 1767323045000);
  EXPECT_EQ(ParseTimestamp_ms("2026-01-02T03:04:05.999Z"), 1767323045000);
  EXPECT_EQ(ParseTimestamp_ms("2026-01-02T03:04:05+00:00"), 1767323045000);
  EXPECT_EQ(ParseTimestamp_ms("2026-01-02T05:34:05+02:30"), 1767323045000);
  EXPECT_EQ(ParseTimestamp_ms("2026-01-01T22:04:05-05:00"), 1767323045000);
  EXPECT_EQ(ParseTimestamp_ms("2024-02-29T00:00:00Z"), 1709164800000);
}

TEST(TimestampTest, Refuses_all_else) {
  for (const char* text :
       {"", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z", "2026-1-2T03:04:05Z",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z", "2026-01-02T03:04:61Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Zx",
        "2026-01-02T03:04:05+0000", "x026-01-02T03:04:05Z", "1767323045"}) {
    EXPECT_EQ(ParseTimestamp_ms(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sqlite_efs
