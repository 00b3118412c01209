#include "aws/config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "testing/temp_directory.h"
#include "testing/variables.h"

namespace sqlite_efs {
namespace {

using testing::TempDirectory;
using testing::TestVariables;
using testing::WriteWholeFile;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    std::filesystem::create_directory(home_ / ".aws");
    variables_.values["HOME"] = home_.path();
  }
  void WriteConfig(const std::string& text) { WriteWholeFile(home_ / ".aws/config", text); }
  void WriteCredentials(const std::string& text) { WriteWholeFile(home_ / ".aws/credentials", text); }
  Result<AwsConfig> Load(const AwsSettings& settings = {}) {
    return LoadAwsConfig(settings, variables_.Get(), PosixFileSystem());
  }
  std::string Url() {
    const Result<AwsConfig> config = Load();
    EXPECT_TRUE(config.ok()) << config.status().message();
    return config.ok() ? config->dynamodb_url : "";
  }
  // Loading fails, and the message has `text` in it.
  void ExpectInvalid(const std::string& text) {
    const Status status = Load().status();
    EXPECT_TRUE(status.Is(StatusCode::kInvalid)) << text;
    EXPECT_NE(status.message().find(text), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find("s3cret"), std::string::npos) << status.message();
  }

  TempDirectory home_;
  TestVariables variables_;
};

TEST_F(ConfigTest, Region_of_the_settings_then_the_environment_then_the_profile) {
  WriteConfig("[default]\nregion = eu-west-4\n");
  EXPECT_EQ(Load()->region, "eu-west-4");
  variables_.values["AWS_DEFAULT_REGION"] = "eu-west-3";
  EXPECT_EQ(Load()->region, "eu-west-3");
  variables_.values["AWS_REGION"] = "eu-west-2";
  EXPECT_EQ(Load()->region, "eu-west-2");
  EXPECT_EQ(Load({.region = "eu-west-1", .dynamodb_url = ""})->region, "eu-west-1");
  EXPECT_EQ(Load({.region = "eu-west-1", .dynamodb_url = ""})->dynamodb_url,
            "https://dynamodb.eu-west-1.amazonaws.com/");
}

TEST_F(ConfigTest, The_credentials_file_may_hold_settings_too_and_comes_first) {
  WriteConfig("[default]\nregion = eu-west-1\nca_bundle = /bundle\n");
  WriteCredentials("[default]\nregion = eu-west-2\n");
  EXPECT_EQ(Load()->region, "eu-west-2");
  EXPECT_EQ(Load()->ca_bundle, "/bundle");
}

TEST_F(ConfigTest, No_region_says_where_it_may_be_set) {
  ExpectInvalid("AWS_REGION");
  ExpectInvalid(home_ / ".aws/config");
  variables_.values.erase("HOME");
  ExpectInvalid("AWS_REGION");
}

TEST_F(ConfigTest, A_region_that_is_no_host_label_is_refused) {
  for (const char* region : {"eu west 1", "eu.west", "-eu", "eu-", "1234", "eu/west", "eu:west", "eu-west-1\n", "é",
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    variables_.values["AWS_REGION"] = region;
    ExpectInvalid("AWS_REGION");
  }
}

TEST_F(ConfigTest, Profiles) {
  WriteConfig(
      "[default]\nregion = eu-west-1\n[profile one]\nregion = eu-west-2\n[profile \"two words\"]\nregion = eu-west-3\n"
      "[three]\nregion = eu-west-4\n");
  WriteCredentials("[four]\nregion = eu-west-5\n");
  const std::map<std::string, std::string> regions = {{"", "eu-west-1"},
                                                      {"default", "eu-west-1"},
                                                      {"one", "eu-west-2"},
                                                      {"two words", "eu-west-3"},
                                                      {"four", "eu-west-5"}};
  for (const auto& [profile, region] : regions) {
    variables_.values["AWS_PROFILE"] = profile;
    EXPECT_EQ(Load()->region, region) << profile;
  }
  for (const char* missing : {"three", "none", "profile one", "services"}) {
    variables_.values["AWS_PROFILE"] = missing;
    ExpectInvalid(missing);
  }
}

TEST_F(ConfigTest, The_files_may_lie_elsewhere) {
  WriteWholeFile(home_ / "c", "[default]\nregion = eu-west-1\n");
  WriteWholeFile(home_ / "s", "[default]\nca_bundle = /bundle\n");
  variables_.values["AWS_CONFIG_FILE"] = home_ / "c";
  variables_.values["AWS_SHARED_CREDENTIALS_FILE"] = "~/s";
  EXPECT_EQ(Load()->region, "eu-west-1");
  EXPECT_EQ(Load()->ca_bundle, "/bundle");
}

TEST_F(ConfigTest, A_file_that_cannot_be_understood_is_an_error_and_one_that_cannot_be_read_is_none) {
  variables_.values["AWS_REGION"] = "eu-west-1";
  WriteConfig("[default]\ns3cret\n");
  ExpectInvalid(home_ / ".aws/config, line 2");
  std::filesystem::remove(home_ / ".aws/config");
  std::filesystem::create_directory(home_ / ".aws/config");
  EXPECT_EQ(Load()->region, "eu-west-1");
  variables_.values.erase("AWS_REGION");
  ExpectInvalid("directory");  // what kept it from being read
}

TEST_F(ConfigTest, Endpoint_of_the_environment_then_the_profile) {
  variables_.values["AWS_REGION"] = "eu-west-1";
  EXPECT_EQ(Url(), "https://dynamodb.eu-west-1.amazonaws.com/");
  WriteConfig(
      "[default]\nendpoint_url = http://localhost:4\nservices = local\n"
      "[services local]\ndynamodb =\n  endpoint_url = http://localhost:3\n");
  EXPECT_EQ(Url(), "http://localhost:3/");
  EXPECT_EQ(Load()->sts_url, "http://localhost:4/");
  variables_.values["AWS_ENDPOINT_URL"] = "http://localhost:2";
  EXPECT_EQ(Url(), "http://localhost:2/");
  variables_.values["AWS_ENDPOINT_URL_DYNAMODB"] = "HTTP://localhost:1/";
  EXPECT_EQ(Url(), "http://localhost:1/");
  EXPECT_EQ(Load()->sts_url, "http://localhost:2/");
  EXPECT_EQ(Load({.region = "", .dynamodb_url = "https://[::1]"})->dynamodb_url, "https://[::1]/");
  variables_.values["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "True";
  EXPECT_EQ(Url(), "https://dynamodb.eu-west-1.amazonaws.com/");
  EXPECT_EQ(Load({.region = "", .dynamodb_url = "https://[::1]"})->dynamodb_url, "https://[::1]/");
}

TEST_F(ConfigTest, It_is_told_what_a_host_was_made_from) {
  WriteConfig("[default]\nregion = eu-west-1\n");
  EXPECT_EQ(Load()->dynamodb_host_origin, "the region eu-west-1 (region in the AWS profile 'default')");
  variables_.values["AWS_REGION"] = "eu-west-2";
  variables_.values["AWS_ENDPOINT_URL_DYNAMODB"] = "http://localhost:8000";
  EXPECT_EQ(Load()->dynamodb_host_origin, "");
  EXPECT_EQ(Load()->sts_host_origin, "the region eu-west-2 (AWS_REGION)");
}

TEST_F(ConfigTest, An_endpoint_that_is_no_URL_of_a_host_alone_is_refused) {
  variables_.values["AWS_REGION"] = "eu-west-1";
  for (const char* url : {"localhost:8000", "ftp://localhost", "http://", "http://a/path", "http://a/?q",
                          "http://a?s3cret", "http://user:s3cret@a", "http://a#f", "http://a b", "file:///s3cret"}) {
    variables_.values["AWS_ENDPOINT_URL_DYNAMODB"] = url;
    ExpectInvalid("AWS_ENDPOINT_URL_DYNAMODB");
  }
}

TEST_F(ConfigTest, Services_that_are_not_there_are_an_error) {
  variables_.values["AWS_REGION"] = "eu-west-1";
  WriteConfig("[default]\nservices = none\n");
  ExpectInvalid("[services");
}

TEST_F(ConfigTest, Hosts_of_partitions_and_kinds) {
  struct Case {
    const char* region;
    const char* fips;
    const char* dual_stack;
    const char* host;
  };
  for (const Case& c : {Case{"cn-north-1", "", "", "dynamodb.cn-north-1.amazonaws.com.cn"},
                        Case{"us-gov-west-1", "", "", "dynamodb.us-gov-west-1.amazonaws.com"},
                        Case{"us-gov-west-1", "true", "", "dynamodb.us-gov-west-1.amazonaws.com"},
                        Case{"us-east-1", "true", "false", "dynamodb-fips.us-east-1.amazonaws.com"},
                        Case{"us-east-1", "no", "TRUE", "dynamodb.us-east-1.api.aws"},
                        Case{"us-east-1", "true", "true", "dynamodb-fips.us-east-1.api.aws"}}) {
    variables_.values["AWS_REGION"] = c.region;
    variables_.values["AWS_USE_FIPS_ENDPOINT"] = c.fips;
    variables_.values["AWS_USE_DUALSTACK_ENDPOINT"] = c.dual_stack;
    EXPECT_EQ(Url(), std::string("https://") + c.host + "/");
  }
}

TEST_F(ConfigTest, CA_bundle) {
  variables_.values["AWS_REGION"] = "eu-west-1";
  EXPECT_EQ(Load()->ca_bundle, "");
  variables_.values["SSL_CERT_FILE"] = "/everybodys.pem";
  EXPECT_EQ(Load()->ca_bundle, "/everybodys.pem");
  variables_.values["AWS_CA_BUNDLE"] = "/bundle.pem";
  EXPECT_EQ(Load()->ca_bundle, "/bundle.pem");
}

}  // namespace
}  // namespace sqlite_efs
