#include "aws/curl_http_client.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "testing/http_server.h"
#include "testing/temp_directory.h"

namespace {

// The name server of these tests: it knows no "unknown.test", and says nothing about "slow.test" until it is told to.
class NameServer {
 public:
  static NameServer& Instance() {
    static auto* instance = new NameServer;  // a look-up may outlive the test
    return *instance;
  }
  void LookUpSlowName() {
    std::unique_lock lock(mutex_);
    asked_++;
    changed_.wait(lock, [&] { return released_; });
    answered_++;
    changed_.notify_all();
  }
  bool WasAsked() {
    const std::lock_guard lock(mutex_);
    return asked_ > 0;
  }
  void Release() {
    std::unique_lock lock(mutex_);
    released_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return answered_ == asked_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  int asked_ = 0;
  int answered_ = 0;
};

}  // namespace

// In place of the C library's, for this program and every library in it.
extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* name, const char* service,
                                                                  const addrinfo* hints, addrinfo** result) {
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (name != nullptr && std::strcmp(name, "unknown.test") == 0) return EAI_NONAME;
  if (name != nullptr && std::strcmp(name, "slow.test") == 0) {
    NameServer::Instance().LookUpSlowName();
    return EAI_AGAIN;
  }
  return real(name, service, hints, result);
}

namespace sqlite_efs {
namespace {

using namespace std::chrono_literals;
using testing::HttpServer;
using testing::TempDirectory;
using Then = HttpServer::Then;

constexpr Duration kEnough = 60s;  // no test waits for it
constexpr Duration kShort = 50ms;  // what takes longer in these tests, takes for ever

class CurlHttpClientTest : public ::testing::Test {
 protected:
  static HttpRequest Post(const std::string& url, const std::string& body = "{}") {
    return {.method = "POST", .url = url, .headers = {{"Content-Type", "application/x-amz-json-1.0"}}, .body = body};
  }
  Status Outcome(const HttpRequest& request, Duration limit = kEnough) {
    const Result<HttpResponse> response = client_->Send(request, limit);
    return response.ok() ? Status::Ok() : response.status();
  }

  std::unique_ptr<HttpClient> client_ = NewCurlHttpClient("");
};

HttpServer::Answer SayOk(const HttpServer::Request& /*request*/) { return HttpServer::Reply(200, "fine"); }

TEST_F(CurlHttpClientTest, Sends_a_request_and_returns_the_reply) {
  HttpServer server([](const HttpServer::Request& request) {
    return HttpServer::Reply(200, "<" + request.body + ">", "X-One: 1\r\nx-two:  a b \r\n");
  });
  const std::string body("a\0b\r\n\xFF", 6);
  HttpRequest request = Post(server.url("/some/../path?q=1"), body);
  request.headers.push_back({"X-Amz-Target", "Service.Operation"});
  const Result<HttpResponse> response = client_->Send(request, kEnough);
  ASSERT_TRUE(response.ok()) << response.status().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "<" + body + ">");
  ASSERT_NE(response->FindHeader("x-ONE"), nullptr);
  EXPECT_EQ(*response->FindHeader("x-ONE"), "1");
  EXPECT_EQ(*response->FindHeader("X-Two"), "a b");
  EXPECT_EQ(response->FindHeader("X-Thre"), nullptr);

  const HttpServer::Request seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/some/../path?q=1");
  EXPECT_EQ(seen.body, body);
  EXPECT_EQ(seen.headers.at("x-amz-target"), "Service.Operation");
  EXPECT_EQ(seen.headers.at("content-type"), "application/x-amz-json-1.0");
  EXPECT_EQ(seen.headers.count("authorization"), 0U);
  EXPECT_EQ(seen.headers.count("expect"), 0U);
}

TEST_F(CurlHttpClientTest, Knows_GET_and_PUT_and_forgets_the_request_before) {
  HttpServer server(&SayOk);
  HttpRequest signed_post = Post(server.url());
  signed_post.sign_with = {.credentials = {"AKID", "secret", "token", {}}, .region = "r", .service = "s"};
  ASSERT_TRUE(Outcome(signed_post).ok());
  ASSERT_TRUE(Outcome({.method = "PUT", .url = server.url("/put"), .headers = {{"X-Ttl", "5"}}}).ok());
  ASSERT_TRUE(Outcome({.method = "GET", .url = server.url("/get")}).ok());
  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[1].method, "PUT");
  EXPECT_EQ(seen[1].headers.at("content-length"), "0");
  EXPECT_EQ(seen[2].method, "GET");
  for (const int later : {1, 2}) {
    EXPECT_EQ(seen[later].headers.count("authorization"), 0U);
    EXPECT_EQ(seen[later].headers.count("x-amz-security-token"), 0U);
    EXPECT_EQ(seen[later].headers.count("x-amz-date"), 0U);
  }
  EXPECT_EQ(seen[2].headers.count("x-ttl"), 0U);
  EXPECT_EQ(seen[2].body, "");
}

TEST_F(CurlHttpClientTest, Failures_and_redirects_are_replies) {
  HttpServer target(&SayOk);
  HttpServer server([&](const HttpServer::Request& request) {
    return HttpServer::Reply(std::stoi(request.path.substr(1)), "body", "Location: " + target.url() + "\r\n");
  });
  for (const int status : {301, 307, 400, 401, 403, 407, 500, 503}) {
    const Result<HttpResponse> response = client_->Send(Post(server.url("/" + std::to_string(status))), kEnough);
    ASSERT_TRUE(response.ok()) << status << response.status().message();
    EXPECT_EQ(response->status, status);
    EXPECT_EQ(response->body, "body");
  }
  EXPECT_TRUE(target.requests().empty());
}

TEST_F(CurlHttpClientTest, Keeps_its_connection) {
  HttpServer server(&SayOk);
  for (int i = 0; i < 5; i++) ASSERT_TRUE(Outcome(Post(server.url())).ok());
  EXPECT_EQ(server.connections(), 1U);
}

TEST_F(CurlHttpClientTest, Goes_on_after_the_server_closed_a_kept_connection) {
  HttpServer server([](const HttpServer::Request& request) {
    HttpServer::Answer answer = HttpServer::Reply(200, "fine");
    if (request.connection == 1) answer.then = Then::kClose;
    return answer;
  });
  for (int i = 0; i < 3; i++) {
    const Status outcome = Outcome(Post(server.url()));
    EXPECT_TRUE(outcome.ok()) << outcome.message();
  }
  EXPECT_EQ(server.connections(), 2U);
}

TEST_F(CurlHttpClientTest, Sends_again_when_a_kept_connection_ends_before_the_reply) {
  std::atomic<int> count = 0;
  HttpServer server([&](const HttpServer::Request&) {
    return ++count == 2 ? HttpServer::Answer{"", Then::kReset} : HttpServer::Reply(200, "fine");
  });
  EXPECT_TRUE(Outcome(Post(server.url())).ok());
  EXPECT_TRUE(Outcome(Post(server.url())).ok());
  EXPECT_EQ(server.requests().size(), 3U);
}

struct BadServer {
  const char* name;
  HttpServer::Answer answer;
};

TEST_F(CurlHttpClientTest, What_is_no_complete_reply_is_unavailable) {
  const std::string long_text(kMaxReplyBytes + 1, 'x');
  const BadServer kinds[] = {
      {"silent", {"", Then::kWaitForTheEnd}},
      {"closes", {"", Then::kClose}},
      {"resets", {"", Then::kReset}},
      {"stops in the status line", {"HTTP/1.1 2", Then::kClose}},
      {"stops in the headers", {"HTTP/1.1 200 OK\r\nContent-Le", Then::kClose}},
      {"stops after a header", {"HTTP/1.1 200 OK\r\nX: y\r\nContent-Le", Then::kClose}},
      {"falls silent in the headers", {"HTTP/1.1 200 OK\r\nContent-Le", Then::kWaitForTheEnd}},
      {"stops in the body", {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234", Then::kClose}},
      {"resets in the body", {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234", Then::kReset}},
      {"falls silent in the body", {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234", Then::kWaitForTheEnd}},
      {"stops in a chunk", {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12", Then::kClose}},
      {"no HTTP", {"hello, what do you want?\r\n", Then::kClose}},
      {"SSH", {"SSH-2.0-OpenSSH_9.2\r\n", Then::kWaitForTheEnd}},
      {"bad chunk", {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n12", Then::kClose}},
      {"long body", HttpServer::Reply(200, long_text)},
      {"long header", HttpServer::Reply(200, "", "X: " + long_text + "\r\n")},
      {"endless body", {"HTTP/1.1 200 OK\r\n\r\nmore and more", Then::kRepeatForEver}},
      {"endless interim replies", {"HTTP/1.1 100 Continue\r\n\r\n", Then::kRepeatForEver}},
      {"endless nothing", {"\r\n", Then::kRepeatForEver}},
  };
  for (const BadServer& kind : kinds) {
    HttpServer server([&](const HttpServer::Request&) { return kind.answer; });
    const bool waits = kind.answer.then == Then::kWaitForTheEnd;
    const Status outcome = Outcome(Post(server.url()), waits ? kShort : kEnough);
    EXPECT_TRUE(outcome.Is(StatusCode::kUnavailable)) << kind.name << ": " << outcome.message();
    EXPECT_NE(outcome.message().find("127.0.0.1"), std::string::npos) << outcome.message();
  }
}

TEST_F(CurlHttpClientTest, Is_of_use_after_a_failure) {
  HttpServer bad([](const HttpServer::Request&) { return HttpServer::Answer{"", Then::kWaitForTheEnd}; });
  HttpServer good(&SayOk);
  EXPECT_FALSE(Outcome(Post(bad.url()), kShort).ok());
  EXPECT_TRUE(Outcome(Post(good.url())).ok());
}

TEST_F(CurlHttpClientTest, Nobody_listens) {
  std::string url;
  { url = HttpServer(&SayOk).url(); }
  EXPECT_TRUE(Outcome(Post(url)).Is(StatusCode::kUnavailable));
}

TEST_F(CurlHttpClientTest, An_unknown_host_is_unavailable) {
  const Status outcome = Outcome(Post("https://unknown.test/"));
  EXPECT_TRUE(outcome.Is(StatusCode::kUnavailable)) << outcome.message();
  EXPECT_NE(outcome.message().find("unknown.test"), std::string::npos) << outcome.message();
}

TEST_F(CurlHttpClientTest, Does_not_wait_for_a_name_server_longer_than_the_limit) {
  // If anything waited for the look-up, this test would hang: the name server answers only afterwards.
  Duration limit = kShort;
  do {  // a busy machine may take that long to get to the look-up
    EXPECT_TRUE(Outcome(Post("https://slow.test/"), limit).Is(StatusCode::kUnavailable));
    limit *= 2;
  } while (!NameServer::Instance().WasAsked() && limit < kEnough);
  ASSERT_TRUE(NameServer::Instance().WasAsked());
  HttpServer server(&SayOk);
  EXPECT_TRUE(Outcome(Post(server.url())).ok());
  client_.reset();
  NameServer::Instance().Release();
}

TEST_F(CurlHttpClientTest, No_time_is_no_request) {
  HttpServer server(&SayOk);
  EXPECT_TRUE(Outcome(Post(server.url()), 0s).Is(StatusCode::kUnavailable));
  EXPECT_TRUE(Outcome(Post(server.url()), -1s).Is(StatusCode::kUnavailable));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(CurlHttpClientTest, Refuses_what_would_be_sent_as_something_else) {
  HttpServer server(&SayOk);
  const auto with_header = [&](const std::string& name, const std::string& value) {
    HttpRequest request = Post(server.url());
    request.headers.push_back({name, value});
    return request;
  };
  const auto signed_to = [&](const std::string& url, const std::string& token) {
    HttpRequest request = Post(url);
    request.sign_with = {.credentials = {"AKID", "secret", token, {}}, .region = "r", .service = "s"};
    return request;
  };
  const HttpRequest requests[] = {
      Post(""),
      Post("http://"),
      Post("http://a b/"),
      Post("file:///etc/passwd"),
      Post("ftp://127.0.0.1/"),
      with_header("X", "a\r\nY: b"),
      with_header("X", "a\nb"),
      with_header("X", std::string("a\0b", 3)),
      with_header("X", ""),
      with_header("X", " a"),
      with_header("", "a"),
      with_header("X: a\r\nY", "b"),
      with_header("X;", "b"),
      signed_to(server.url("/path"), ""),
      signed_to(server.url("/?query"), ""),
      signed_to(server.url(), "SeCrEt\r\nX: y"),
      Post(server.url(), std::string(1 << 20, 'x')),
  };
  for (const HttpRequest& request : requests) {
    const Status outcome = Outcome(request);
    EXPECT_TRUE(outcome.Is(StatusCode::kInvalid)) << request.url << ": " << outcome.message();
    EXPECT_EQ(outcome.message().find("SeCrEt"), std::string::npos) << outcome.message();
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(CurlHttpClientTest, Signs) {
  HttpServer server(&SayOk);
  HttpRequest request = Post(server.url());
  request.headers.push_back({"X-Amz-Target", "DynamoDB_20120810.PutItem"});
  request.sign_with = {
      .credentials = {"AKID", "secret", "to+k/en==", {}}, .region = "eu-west-1", .service = "dynamodb"};
  ASSERT_TRUE(Outcome(request).ok());
  const auto headers = server.requests().at(0).headers;
  EXPECT_EQ(headers.at("x-amz-security-token"), "to+k/en==");
  const std::string date = headers.at("x-amz-date");
  ASSERT_EQ(date.size(), std::strlen("20260102T030405Z")) << date;
  const std::string begin = "AWS4-HMAC-SHA256 Credential=AKID/" + date.substr(0, 8) +
                            "/eu-west-1/dynamodb/aws4_request, "
                            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=";
  EXPECT_EQ(headers.at("authorization").substr(0, begin.size()), begin);
}

TEST_F(CurlHttpClientTest, Waiting_for_an_earlier_request_counts) {
  std::mutex mutex;
  std::condition_variable changed;
  bool answer = false;
  HttpServer server([&](const HttpServer::Request&) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return answer; });
    return HttpServer::Reply(200, "late");
  });
  std::thread earlier([&] { EXPECT_TRUE(Outcome(Post(server.url())).ok()); });
  server.WaitForRequests(1);
  EXPECT_TRUE(Outcome(Post(server.url()), kShort).Is(StatusCode::kUnavailable));
  {
    const std::lock_guard lock(mutex);
    answer = true;
  }
  changed.notify_all();
  earlier.join();
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(CurlHttpClientTest, A_child_of_fork_leaves_the_connection_to_its_parent) {
  HttpServer server(&SayOk);
  ASSERT_TRUE(Outcome(Post(server.url())).ok());
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = Outcome(Post(server.url())).Is(StatusCode::kInvalid);
    client_.reset();
    // One of its own works. (Not with _exit() inside gtest's macros: they would be the parent's.)
    client_ = NewCurlHttpClient("");
    ::_exit(refused && Outcome(Post(server.url())).ok() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(Outcome(Post(server.url())).ok());
  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].connection, seen[2].connection);
  EXPECT_NE(seen[0].connection, seen[1].connection);
}

TEST_F(CurlHttpClientTest, Goes_through_no_proxy_where_it_must_not) {
  HttpServer proxy([](const HttpServer::Request&) { return HttpServer::Reply(200, "proxy"); });
  HttpServer server(&SayOk);
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  HttpRequest request = Post(server.url());
  EXPECT_EQ(client_->Send(request, kEnough)->body, "proxy");
  request.without_proxy = true;
  EXPECT_EQ(client_->Send(request, kEnough)->body, "fine");
  ::unsetenv("http_proxy");
}

TEST_F(CurlHttpClientTest, A_missing_CA_bundle_is_said) {
  const TempDirectory directory;
  client_ = NewCurlHttpClient(directory / "missing.pem");
  const Status outcome = Outcome(Post("https://127.0.0.1:1/"));
  EXPECT_TRUE(outcome.Is(StatusCode::kInvalid)) << outcome.message();
  EXPECT_NE(outcome.message().find("missing.pem"), std::string::npos) << outcome.message();
  EXPECT_NE(outcome.message().find("AWS_CA_BUNDLE"), std::string::npos) << outcome.message();
}

}  // namespace
}  // namespace sqlite_efs
