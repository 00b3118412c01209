#include "aws/default_credentials.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "aws/curl_http_client.h"
#include "testing/http_server.h"
#include "testing/temp_directory.h"
#include "testing/variables.h"

namespace sqlite_efs {
namespace {

using namespace std::chrono_literals;
using testing::HttpServer;
using testing::TempDirectory;
using testing::TestVariables;
using testing::WriteWholeFile;

constexpr const char* kJson = R"({"AccessKeyId": "from JSON", "SecretAccessKey": "s3cret", "Token": "t0ken",)"
                              R"( "Expiration": "2999-01-02T03:04:05Z"})";
constexpr const char* kXml =
    "<Credentials><AccessKeyId>from-STS</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey>"
    "<SessionToken>t0ken</SessionToken><Expiration>2999-01-02T03:04:05Z</Expiration></Credentials>";
constexpr int64_t kExpires_ms = 32472241445000;

class LastSource : public CredentialsSource {
 public:
  Result<Credentials> Fetch(Duration /*limit*/) override { return Credentials{"from the last", "s3cret", "", {}}; }
};

class DefaultCredentialsTest : public ::testing::Test {
 protected:
  DefaultCredentialsTest() {
    std::filesystem::create_directory(home_ / ".aws");
    variables_.values["HOME"] = home_.path();
    variables_.values["AWS_EC2_METADATA_DISABLED"] = "true";
  }
  Result<Credentials> Fetch(std::unique_ptr<CredentialsSource> last = nullptr) {
    const CredentialsWorld world{variables_.Get(), &PosixFileSystem(), http_.get(), &SystemClock(), server_.url()};
    return NewDefaultCredentials(world, std::move(last))->Get(60s);
  }
  std::string Key(std::unique_ptr<CredentialsSource> last = nullptr) {
    const Result<Credentials> credentials = Fetch(std::move(last));
    EXPECT_TRUE(credentials.ok()) << credentials.status().message();
    return credentials.ok() ? credentials->access_key_id : "";
  }
  void ExpectError(StatusCode code, const std::string& text) {
    const Status status = Fetch().status();
    EXPECT_TRUE(status.Is(code)) << text << ": " << status.message();
    EXPECT_NE(status.message().find(text), std::string::npos) << status.message();
    for (const char* secret : {"s3cret", "t0ken"}) {
      EXPECT_EQ(status.message().find(secret), std::string::npos) << status.message();
    }
  }
  void SetWebIdentity() {
    WriteWholeFile(home_ / "token", "t0ken.with+odd/chars=&\xC3\xA9");
    variables_.values["AWS_WEB_IDENTITY_TOKEN_FILE"] = home_ / "token";
    variables_.values["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/x";
  }
  void SetContainer() { variables_.values["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server_.url("/creds?a=b"); }
  void SetInstance() {
    variables_.values.erase("AWS_EC2_METADATA_DISABLED");
    variables_.values["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server_.url();
    Say("/latest/api/token", HttpServer::Reply(200, "t0ken"));
    Say("/latest/meta-data/iam/security-credentials/", HttpServer::Reply(200, "the-role"));
    Say("/latest/meta-data/iam/security-credentials/the-role", HttpServer::Reply(200, kJson));
  }

  void Say(const std::string& path, HttpServer::Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[path] = std::move(answer);
  }

  TempDirectory home_;
  TestVariables variables_;
  std::mutex mutex_;  // the server answers on threads of its own
  std::map<std::string, HttpServer::Answer> answers_ = {{"/", HttpServer::Reply(200, kXml)},
                                                        {"/creds?a=b", HttpServer::Reply(200, kJson)}};
  HttpServer server_{[this](const HttpServer::Request& request) {
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(request.path);
    return found != answers_.end() ? found->second : HttpServer::Reply(404, "not found");
  }};
  std::unique_ptr<HttpClient> http_ = NewCurlHttpClient("");
};

TEST_F(DefaultCredentialsTest, None_at_all_says_where_it_looked) {
  for (const char* text : {"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "'default'",
                           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_EC2_METADATA_DISABLED"}) {
    ExpectError(StatusCode::kInvalid, text);
  }
  ExpectError(StatusCode::kInvalid, home_ / ".aws/credentials");
}

TEST_F(DefaultCredentialsTest, Of_the_environment) {
  variables_.values["AWS_ACCESS_KEY_ID"] = "AKIA1";
  ExpectError(StatusCode::kInvalid, "AWS_SECRET_ACCESS_KEY");
  variables_.values["AWS_SECRET_ACCESS_KEY"] = "s3cret";
  EXPECT_EQ(*Fetch(), (Credentials{"AKIA1", "s3cret", "", {}}));
  variables_.values["AWS_SESSION_TOKEN"] = "t0ken";
  EXPECT_EQ(*Fetch(), (Credentials{"AKIA1", "s3cret", "t0ken", {}}));
  variables_.values["AWS_CREDENTIAL_EXPIRATION"] = "2999-01-02T03:04:05Z";
  EXPECT_EQ(*Fetch(), (Credentials{"AKIA1", "s3cret", "t0ken", kExpires_ms}));
  variables_.values["AWS_CREDENTIAL_EXPIRATION"] = "2001-01-02T03:04:05Z";
  ExpectError(StatusCode::kInvalid, "expired");
  variables_.values["AWS_CREDENTIAL_EXPIRATION"] = "soon";
  ExpectError(StatusCode::kInvalid, "AWS_CREDENTIAL_EXPIRATION");
}

TEST_F(DefaultCredentialsTest, Of_a_profile) {
  WriteWholeFile(home_ / ".aws/config", "[default]\naws_access_key_id = in config\naws_secret_access_key = s3cret\n");
  EXPECT_EQ(*Fetch(), (Credentials{"in config", "s3cret", "", {}}));
  WriteWholeFile(home_ / ".aws/credentials",
                 "[default]\naws_access_key_id = in credentials\naws_secret_access_key = s3cret\n"
                 "aws_session_token = t0ken\n[half]\naws_access_key_id = a\n");
  EXPECT_EQ(*Fetch(), (Credentials{"in credentials", "s3cret", "t0ken", {}}));
  variables_.values["AWS_PROFILE"] = "half";
  ExpectError(StatusCode::kInvalid, "aws_secret_access_key");
  variables_.values["AWS_PROFILE"] = "none";
  ExpectError(StatusCode::kInvalid, "'none'");
}

TEST_F(DefaultCredentialsTest, What_a_profile_leaves_to_others_is_said_and_done_by_the_last) {
  SetContainer();  // is not asked: the profile says something else
  for (const char* setting : {"role_arn = arn:aws:iam::1:role/x", "sso_session = s", "sso_start_url = u",
                              "credential_process = /bin/true", "login_session = l"}) {
    WriteWholeFile(home_ / ".aws/config", std::string("[default]\n") + setting + "\n");
    ExpectError(StatusCode::kInvalid, std::string(setting).substr(0, std::string(setting).find(' ')));
    ExpectError(StatusCode::kInvalid, "botocore");
    EXPECT_EQ(Key(std::make_unique<LastSource>()), "from the last");
  }
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(DefaultCredentialsTest, What_the_last_says_of_what_was_left_to_it_is_told) {
  class Expired : public CredentialsSource {
   public:
    Result<Credentials> Fetch(Duration /*limit*/) override { return Status(StatusCode::kNotFound, "log in anew"); }
  };
  WriteWholeFile(home_ / ".aws/config", "[default]\nsso_session = s\n");
  const Status status = Fetch(std::make_unique<Expired>()).status();
  EXPECT_TRUE(status.Is(StatusCode::kInvalid));
  EXPECT_NE(status.message().find("sso_session"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("log in anew"), std::string::npos) << status.message();
}

TEST_F(DefaultCredentialsTest, The_last_is_asked_when_there_is_nothing_else) {
  EXPECT_EQ(Key(std::make_unique<LastSource>()), "from the last");
  SetContainer();
  EXPECT_EQ(Key(std::make_unique<LastSource>()), "from JSON");
}

TEST_F(DefaultCredentialsTest, Of_a_web_identity) {
  SetWebIdentity();
  variables_.values["AWS_ROLE_SESSION_NAME"] = "me";
  EXPECT_EQ(*Fetch(), (Credentials{"from-STS", "s3cret", "t0ken", kExpires_ms}));
  const HttpServer::Request request = server_.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.headers.count("authorization"), 0U);
  EXPECT_EQ(request.body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx"
            "&RoleSessionName=me&WebIdentityToken=t0ken.with%2Bodd%2Fchars%3D%26%C3%A9");
}

TEST_F(DefaultCredentialsTest, Of_a_web_identity_in_a_profile) {
  SetWebIdentity();
  variables_.values.erase("AWS_WEB_IDENTITY_TOKEN_FILE");
  variables_.values.erase("AWS_ROLE_ARN");
  WriteWholeFile(home_ / ".aws/config",
                 "[default]\nweb_identity_token_file = " + (home_ / "token") + "\nrole_arn = arn:aws:iam::1:role/x\n");
  EXPECT_EQ(Key(), "from-STS");
}

TEST_F(DefaultCredentialsTest, A_web_identity_that_is_wrong_or_refused) {
  SetWebIdentity();
  Say("/", HttpServer::Reply(400, "<Error><Code>InvalidIdentityToken</Code><Message>t0ken</Message></Error>"));
  ExpectError(StatusCode::kInvalid, "InvalidIdentityToken");
  Say("/", HttpServer::Reply(400, "<Error><Code>IDPCommunicationError</Code></Error>"));
  ExpectError(StatusCode::kUnavailable, "IDPCommunicationError");
  Say("/", HttpServer::Reply(503, "t0ken"));
  ExpectError(StatusCode::kUnavailable, "503");
  Say("/", HttpServer::Reply(403, "t0ken"));
  ExpectError(StatusCode::kInvalid, "403");
  Say("/", HttpServer::Reply(200, "t0ken"));
  ExpectError(StatusCode::kInvalid, server_.url());
  Say("/", {"", HttpServer::Then::kClose});
  ExpectError(StatusCode::kUnavailable, "127.0.0.1");
  std::filesystem::remove(home_ / "token");
  ExpectError(StatusCode::kInvalid, home_ / "token");
  variables_.values.erase("AWS_ROLE_ARN");
  ExpectError(StatusCode::kInvalid, "AWS_ROLE_ARN");
}

TEST_F(DefaultCredentialsTest, Of_a_container) {
  SetContainer();
  EXPECT_EQ(*Fetch(), (Credentials{"from JSON", "s3cret", "t0ken", kExpires_ms}));
  variables_.values["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "t0ken 1";
  EXPECT_EQ(Key(), "from JSON");
  variables_.values["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = home_ / "token";
  ExpectError(StatusCode::kInvalid, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  WriteWholeFile(home_ / "token", "t0ken 2");
  EXPECT_EQ(Key(), "from JSON");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].headers.count("authorization"), 0U);
  EXPECT_EQ(requests[1].headers.at("authorization"), "t0ken 1");
  EXPECT_EQ(requests[2].headers.at("authorization"), "t0ken 2");
  WriteWholeFile(home_ / "token", "t0ken\r\nX: y");
  ExpectError(StatusCode::kInvalid, "Authorization");
}

TEST_F(DefaultCredentialsTest, A_container_endpoint_that_fails) {
  SetContainer();
  Say("/creds?a=b", HttpServer::Reply(500, "t0ken"));
  ExpectError(StatusCode::kUnavailable, "500");
  Say("/creds?a=b", HttpServer::Reply(429, "t0ken"));
  ExpectError(StatusCode::kUnavailable, "429");
  Say("/creds?a=b", HttpServer::Reply(403, "t0ken"));
  ExpectError(StatusCode::kInvalid, "403");
  Say("/creds?a=b", HttpServer::Reply(200, "t0ken"));
  ExpectError(StatusCode::kInvalid, "JSON");
}

TEST_F(DefaultCredentialsTest, A_token_is_sent_only_where_it_is_safe) {
  for (const char* url :
       {"http://example.com/", "http://169.254.169.254/", "http://10.0.0.1/", "http://localhost.evil.com/",
        "http://127.0.0.1.evil.com/", "http://127.evil/", "ftp://localhost/", "localhost/", "/path"}) {
    variables_.values["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    ExpectError(StatusCode::kInvalid, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  }
  variables_.values["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "@evil.com/";
  ExpectError(StatusCode::kInvalid, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
}

TEST_F(DefaultCredentialsTest, Of_the_instance) {
  SetInstance();
  EXPECT_EQ(*Fetch(), (Credentials{"from JSON", "s3cret", "t0ken", kExpires_ms}));
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].method, "PUT");
  EXPECT_EQ(requests[0].headers.at("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(requests[1].headers.at("x-aws-ec2-metadata-token"), "t0ken");
  EXPECT_EQ(requests[2].headers.at("x-aws-ec2-metadata-token"), "t0ken");
  EXPECT_EQ(server_.connections(), 1U);
}

TEST_F(DefaultCredentialsTest, An_instance_that_has_no_role_or_fails) {
  SetInstance();
  const std::string roles = "/latest/meta-data/iam/security-credentials/";
  Say(roles + "the-role", HttpServer::Reply(200, R"({"Code": "AssumeRoleUnauthorizedAccess"})"));
  ExpectError(StatusCode::kInvalid, "AssumeRoleUnauthorizedAccess");
  Say(roles + "the-role", HttpServer::Reply(500, "t0ken"));
  ExpectError(StatusCode::kUnavailable, "500");
  Say(roles, HttpServer::Reply(200, "../../t0ken"));
  ExpectError(StatusCode::kInvalid, "role");
  Say(roles, {"", HttpServer::Then::kClose});
  ExpectError(StatusCode::kUnavailable, "127.0.0.1");
  Say(roles, HttpServer::Reply(404, "not found"));
  ExpectError(StatusCode::kInvalid, "has no role");
  Say("/latest/api/token", HttpServer::Reply(403, "t0ken"));
  ExpectError(StatusCode::kInvalid, "403");
  Say("/latest/api/token", {"", HttpServer::Then::kClose});
  ExpectError(StatusCode::kInvalid, "hop limit");
  variables_.values["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "nonsense";
  ExpectError(StatusCode::kInvalid, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

TEST_F(DefaultCredentialsTest, Too_little_time_is_not_taken_for_an_instance_without_metadata) {
  SetInstance();
  Say("/latest/api/token", {"", HttpServer::Then::kWaitForTheEnd});
  const CredentialsWorld world{variables_.Get(), &PosixFileSystem(), http_.get(), &SystemClock(), server_.url()};
  for (const Duration limit : {Duration(0s), Duration(50ms)}) {
    const Status status = NewDefaultCredentials(world)->Get(limit).status();
    EXPECT_TRUE(status.Is(StatusCode::kUnavailable)) << status.message();
  }
}

TEST_F(DefaultCredentialsTest, The_order_is_botocores) {
  SetInstance();
  EXPECT_EQ(server_.requests().size(), 0U);
  SetContainer();
  Say("/creds?a=b",
      HttpServer::Reply(
          200,
          R"({"AccessKeyId": "container", "SecretAccessKey": "s", "Token": "t", "Expiration": "2999-01-02T03:04:05Z"})"));
  EXPECT_EQ(Key(), "container");
  WriteWholeFile(home_ / ".aws/credentials", "[default]\naws_access_key_id=profile\naws_secret_access_key=s3cret\n");
  EXPECT_EQ(Key(), "profile");
  SetWebIdentity();
  EXPECT_EQ(Key(), "from-STS");
  variables_.values["AWS_ACCESS_KEY_ID"] = "environment";
  variables_.values["AWS_SECRET_ACCESS_KEY"] = "s3cret";
  EXPECT_EQ(Key(), "environment");
}

TEST_F(DefaultCredentialsTest, A_place_that_had_some_is_asked_again_and_no_other) {
  SetContainer();
  const CredentialsWorld world{variables_.Get(), &PosixFileSystem(), http_.get(), &SystemClock(), server_.url()};
  const auto provider = NewDefaultCredentials(world);
  const Credentials first = *provider->Get(60s);
  variables_.values["AWS_ACCESS_KEY_ID"] = "environment";
  variables_.values["AWS_SECRET_ACCESS_KEY"] = "s3cret";
  provider->Refused(first);
  EXPECT_EQ(provider->Get(60s)->access_key_id, "from JSON");
  variables_.values.erase("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  provider->Refused(first);
  EXPECT_TRUE(provider->Get(60s).status().Is(StatusCode::kUnavailable));
}

}  // namespace
}  // namespace sqlite_efs
