#include "aws/sha256.h"

#include <gtest/gtest.h>

#include "aws/libcurl.h"

namespace sqlite_efs {
namespace {

std::string Hex(const std::string& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// FIPS 180-4's examples, and RFC 4231's test cases 2 and 6; each twice, as what was hashed before must not matter.
TEST(Sha256Test, Is_that_of_the_standards_each_time) {
  ASSERT_TRUE(LoadLibCurl().ok());
  Sha256 sha256;
  KeyedSha256 keyed;
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(Hex(sha256.Hash("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(Hex(sha256.Hash("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    keyed.SetKey("Jefe");
    for (int j = 0; j < 2; j++) {
      EXPECT_EQ(Hex(keyed.Hash("what do ya want for nothing?")),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
    keyed.SetKey(std::string(131, '\xaa'));
    for (int j = 0; j < 2; j++) {
      EXPECT_EQ(Hex(keyed.Hash("Test Using Larger Than Block-Size Key - Hash Key First")),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
  }
}

}  // namespace
}  // namespace sqlite_efs
