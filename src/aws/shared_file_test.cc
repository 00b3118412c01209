#include "aws/shared_file.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

std::vector<SharedSection> Parse(const std::string& text) {
  Result<std::vector<SharedSection>> sections = ParseSharedFile(text, "/config");
  EXPECT_TRUE(sections.ok()) << sections.status().message();
  return sections.ok() ? *sections : std::vector<SharedSection>();
}

TEST(SharedFileTest, Reads_sections_and_settings) {
  const auto sections = Parse(
      "# comment\n"
      "[default]\n"
      "Region = eu-west-1\r\n"
      "empty=\n"
      "; comment\n"
      "\n"
      "url : http://a=b\n"
      "spaces =  a b # no comment  \n"
      "[profile other] trailing\n"
      "region=us-east-1");
  ASSERT_EQ(sections.size(), 2U);
  EXPECT_EQ(sections[0].name, "default");
  const std::map<std::string, std::string> expected = {
      {"region", "eu-west-1"}, {"empty", ""}, {"url", "http://a=b"}, {"spaces", "a b # no comment"}};
  EXPECT_EQ(sections[0].values, expected);
  EXPECT_EQ(sections[1].name, "profile other");
  EXPECT_EQ(sections[1].values.at("region"), "us-east-1");
}

TEST(SharedFileTest, A_value_goes_on_in_indented_lines) {
  const auto sections = Parse(
      "[services local]\n"
      "dynamodb =\n"
      "  endpoint_url = http://localhost:8000\n"
      "\n"
      "  # comment\n"
      "  other = x\n"
      "sts =\n"
      "  endpoint_url=http://localhost:8001\n"
      "\n");
  EXPECT_EQ(sections.at(0).values.at("dynamodb"), "\nendpoint_url = http://localhost:8000\n\nother = x");
  const std::map<std::string, std::string> nested = {{"endpoint_url", "http://localhost:8000"}, {"other", "x"}};
  EXPECT_EQ(ParseNested(sections[0].values.at("dynamodb")), nested);
  EXPECT_EQ(ParseNested(sections[0].values.at("sts")).at("endpoint_url"), "http://localhost:8001");
}

TEST(SharedFileTest, What_cannot_be_understood_is_named_by_its_line_and_not_by_its_content) {
  const std::pair<const char*, const char*> faults[] = {
      {"secret = x\n", "line 1"},
      {"[a]\nsecret\n", "line 2"},
      {"[a]\n= secret\n", "line 2"},
      {"[a]\nx = secret\nX = secret\n", "line 3"},
      {"[a]\n[b]\n\n[a]\n", "line 4"},
      {"[secret\n", "line 1"},
      {"[]\n", "line 1"},
      {"[DEFAULT]\n", "line 1"},
      {"\xEF\xBB\xBF[secret]\n", "line 1"},
  };
  for (const auto& [text, line] : faults) {
    const auto sections = ParseSharedFile(text, "/config");
    EXPECT_TRUE(sections.status().Is(StatusCode::kInvalid)) << text;
    EXPECT_NE(sections.status().message().find(std::string("/config, ") + line), std::string::npos)
        << sections.status().message();
    EXPECT_EQ(sections.status().message().find("secret"), std::string::npos) << sections.status().message();
  }
}

TEST(SharedFileTest, An_empty_file_has_no_sections) {
  EXPECT_TRUE(Parse("").empty());
  EXPECT_TRUE(Parse("\n\n# only this\n").empty());
}

}  // namespace
}  // namespace sqlite_efs
