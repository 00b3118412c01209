#include "base/uuid.h"

#include <gtest/gtest.h>

#include <set>

namespace sqlite_efs {
namespace {

TEST(UuidTest, New_ones_are_version_4_and_differ) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; i++) {
    const std::string uuid = NewUuid();
    EXPECT_TRUE(IsUuid(uuid)) << uuid;
    EXPECT_EQ(uuid[14], '4') << uuid;
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
    seen.insert(uuid);
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST(UuidTest, Recognises_the_text_form_only) {
  EXPECT_TRUE(IsUuid("01234567-89ab-4cde-8f01-23456789abcd"));
  for (const char* text : {"", "01234567-89ab-4cde-8f01-23456789abc", "01234567-89ab-4cde-8f01-23456789abcde",
                           "01234567-89AB-4cde-8f01-23456789abcd", "01234567089ab-4cde-8f01-23456789abcd",
                           "0123456--89ab-4cde-8f01-23456789abcd", "{1234567-89ab-4cde-8f01-23456789abc}",
                           "01234567-89ab-4cde-8f01-23456789abc\n"}) {
    EXPECT_FALSE(IsUuid(text)) << text;
  }
}

TEST(UuidTest, Random_bits_differ) {
  std::set<uint32_t> seen;
  for (int i = 0; i < 64; i++) seen.insert(RandomBits());
  EXPECT_GT(seen.size(), 60U);
}

}  // namespace
}  // namespace sqlite_efs
