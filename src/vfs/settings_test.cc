#include "vfs/settings.h"

#include <gtest/gtest.h>

#include <map>

namespace sqlite_efs {
namespace {

using Variables = std::map<std::string, std::string>;

Result<Settings> Parse(const std::vector<UriParameter>& parameters, const Variables& variables = {}) {
  return ParseSettings(parameters, [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
}

TEST(SettingsTest, Defaults) {
  const Result<Settings> settings = Parse({});
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->timeout, std::chrono::seconds(5));
  EXPECT_EQ(settings->cache_mib, 16U);
  EXPECT_EQ(settings->lock_max_attempts, 10U);
  EXPECT_EQ(settings->lock_expiration_s, 10U);
  EXPECT_FALSE(settings->lease_linger.has_value());
}

struct Case {
  const char* parameter;
  const char* variable;
  std::vector<const char*> good;
  std::vector<const char*> bad;
};
const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"timeout",
       "SQLITE_EFS_TIMEOUT",
       {"0", "5", "0.25", "3600", "1e2", "3600.0"},
       {"-1", "3600.1", "nan", "inf", "5s", " 5", "5 ", "0x5", "+5", "1,5", "1e9"}},
      {"cache_mib",
       "SQLITE_EFS_CACHE_MIB",
       {"1", "16", "16384"},
       {"0", "16385", "-1", "1.5", "x", "18446744073709551617", "1e2"}},
      {"lock_max_attempts", "SQLITE_LOCK_MAX_ATTEMPTS", {"1", "1000000"}, {"0", "1000001", "-5", "ten", "2.0"}},
      {"lock_expiration", "SQLITE_LOCK_EXPIRATION", {"1", "86400"}, {"0", "86401", "-1", "1m"}},
      {"freshness",
       "SQLITE_EFS_FRESHNESS",
       {"transaction", "request", "1", "3600000"},
       {"0", "3600001", "-1", "0.5", "Request", "requests", "5ms"}},
      {"lease_linger_ms", "SQLITE_EFS_LEASE_LINGER_MS", {"0", "50", "10000"}, {"10001", "-1", "0.5", "50ms"}},
      {"lock_dynamodb_table",
       "SQLITE_LOCK_DYNAMODB_TABLE",
       {"", "locks", "My-Locks_2.x", "arn:aws:dynamodb:eu-west-1:123456789012:table/locks"},
       {"ab", " ", "no table", "lock\"s", "arn:aws:dynamodb:eu-west-1:123456789012:table/", "arn:locks",
        "arn:aws:dynamodb:\":table/locks"}},
  };
  return cases;
}

TEST(SettingsTest, Every_setting_is_checked_in_the_uri_and_in_the_environment) {
  for (const Case& c : Cases()) {
    for (const char* value : c.good) {
      EXPECT_TRUE(Parse({{c.parameter, value}}).ok()) << c.parameter << "=" << value;
      EXPECT_TRUE(Parse({}, {{c.variable, value}}).ok()) << c.variable << "=" << value;
    }
    for (const char* value : c.bad) {
      const Result<Settings> in_uri = Parse({{c.parameter, value}});
      ASSERT_TRUE(in_uri.status().Is(StatusCode::kInvalid)) << c.parameter << "=" << value;
      EXPECT_NE(in_uri.status().message().find(c.parameter), std::string::npos) << in_uri.status().message();
      EXPECT_NE(in_uri.status().message().find(value), std::string::npos) << in_uri.status().message();
      const Result<Settings> in_environment = Parse({}, {{c.variable, value}});
      ASSERT_TRUE(in_environment.status().Is(StatusCode::kInvalid)) << c.variable << "=" << value;
      EXPECT_NE(in_environment.status().message().find(c.variable), std::string::npos);
    }
  }
}

TEST(SettingsTest, The_uri_goes_before_the_environment) {
  for (const Case& c : Cases()) {
    EXPECT_TRUE(Parse({{c.parameter, c.good[0]}}, {{c.variable, c.bad[0]}}).ok()) << c.parameter;
  }
  EXPECT_EQ(Parse({{"timeout", "2"}}, {{"SQLITE_EFS_TIMEOUT", "7"}})->timeout, std::chrono::seconds(2));
  EXPECT_EQ(Parse({}, {{"SQLITE_EFS_TIMEOUT", "7"}})->timeout, std::chrono::seconds(7));
}

TEST(SettingsTest, An_empty_variable_is_none_but_an_empty_parameter_is_wrong) {
  for (const Case& c : Cases()) EXPECT_TRUE(Parse({}, {{c.variable, ""}}).ok()) << c.variable;
  EXPECT_FALSE(Parse({{"timeout", ""}}).ok());
  EXPECT_FALSE(Parse({{"cache_mib", ""}}).ok());
}

TEST(SettingsTest, Values_arrive) {
  const Result<Settings> settings = Parse({{"timeout", "0.5"},
                                           {"cache_mib", "7"},
                                           {"lock_max_attempts", "3"},
                                           {"lock_expiration", "60"},
                                           {"lock_dynamodb_table", "locks"},
                                           {"lease_linger_ms", "0"}});
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(settings->cache_mib, 7U);
  EXPECT_EQ(settings->lock_max_attempts, 3U);
  EXPECT_EQ(settings->lock_expiration_s, 60U);
  EXPECT_EQ(settings->lock_dynamodb_table, "locks");
  EXPECT_EQ(settings->lease_linger, Duration::zero());
  EXPECT_EQ(OptionsOf(*settings).lease.dynamodb_table, "locks");
}

TEST(SettingsTest, A_former_name_fits_a_key_of_DynamoDB) {
  for (const std::string& name : {std::string("x"), std::string(2039, 'x')}) {
    EXPECT_EQ(Parse({{"lock_former_name", name}})->lock_former_name, name);
  }
  for (const std::string& name : {std::string(), std::string(2040, 'x')}) {
    EXPECT_TRUE(Parse({{"lock_former_name", name}}).status().Is(StatusCode::kInvalid));
  }
}

TEST(SettingsTest, On_Lambda_the_embedded_lease_does_not_serve_all) {
  const std::pair<std::string, std::string> lambda = {"AWS_LAMBDA_FUNCTION_NAME", "polls"};
  const Status status = CheckLeaseServesAll(*Parse({}, {lambda}), "/mnt/app.sqlite3");
  ASSERT_TRUE(status.Is(StatusCode::kReadOnly));
  for (const char* part : {"polls", "/mnt/app.sqlite3", "SQLITE_LOCK_DYNAMODB_TABLE", "efs_create_lock_table"}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
  EXPECT_TRUE(CheckLeaseServesAll(*Parse({{"lock_dynamodb_table", "locks"}}, {lambda}), "/x").ok());
  EXPECT_TRUE(CheckLeaseServesAll(*Parse({}, {lambda, {"SQLITE_LOCK_DYNAMODB_TABLE", "locks"}}), "/x").ok());
  EXPECT_TRUE(CheckLeaseServesAll(*Parse({}), "/x").ok());
}

TEST(SettingsTest, Unknown_parameters_are_refused_and_sqlites_own_are_not) {
  for (const char* name : {"timeot", "TIMEOUT", "", "table"}) {
    const Result<Settings> settings = Parse({{name, "1"}});
    ASSERT_TRUE(settings.status().Is(StatusCode::kInvalid)) << name;
    EXPECT_NE(settings.status().message().find("\"" + std::string(name) + "\""), std::string::npos);
  }
  EXPECT_TRUE(Parse({{"vfs", "efs"}, {"mode", "rw"}, {"cache", "shared"}, {"psow", "1"}}).ok());
}

TEST(SettingsTest, What_skips_the_locks_is_refused) {
  for (const char* name : {"nolock", "immutable"}) {
    for (const char* value : {"1", "yes", "on", "true", "", "2"}) EXPECT_FALSE(Parse({{name, value}}).ok()) << value;
    for (const char* value : {"0", "no", "off", "false"}) EXPECT_TRUE(Parse({{name, value}}).ok()) << value;
  }
}

TEST(SettingsTest, Reads_the_environment) {
  ASSERT_EQ(::setenv("SQLITE_EFS_TEST_VARIABLE", "x", 1), 0);
  EXPECT_EQ(ReadEnvironment("SQLITE_EFS_TEST_VARIABLE"), "x");
  ASSERT_EQ(::unsetenv("SQLITE_EFS_TEST_VARIABLE"), 0);
  EXPECT_EQ(ReadEnvironment("SQLITE_EFS_TEST_VARIABLE"), std::nullopt);
}

}  // namespace
}  // namespace sqlite_efs
