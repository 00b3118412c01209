// What the tests in this folder ask the layer `aws` from outside: aws_probe config|credentials|send. The environment is
// the process's own; "send" reads {"requests": [...], "ca_bundle": "", "fork": false} from standard input. The answer
// is JSON.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include "aws/config.h"
#include "aws/curl_http_client.h"
#include "aws/default_credentials.h"

using namespace sqlite_efs;  // NOLINT(google-build-using-namespace): a program of one file
using nlohmann::json;

namespace {

constexpr std::chrono::seconds kLimit(30);  // no test waits for it

json ErrorOf(const Status& status) {
  const char* code = status.Is(StatusCode::kUnavailable) ? "unavailable"
                     : status.Is(StatusCode::kInvalid)   ? "invalid"
                                                         : "other";
  return {{"error", code}, {"message", status.message()}};
}

json Config() {
  const Result<AwsConfig> config = LoadAwsConfig({}, ProcessVariables(), PosixFileSystem());
  if (!config.ok()) return ErrorOf(config.status());
  return {{"region", config->region}, {"dynamodb_url", config->dynamodb_url}, {"ca_bundle", config->ca_bundle}};
}

json FetchCredentials() {
  const Result<AwsConfig> config = LoadAwsConfig({}, ProcessVariables(), PosixFileSystem());
  if (!config.ok()) return ErrorOf(config.status());
  const auto http = NewCurlHttpClient(config->ca_bundle);
  const CredentialsWorld world{ProcessVariables(), &PosixFileSystem(), http.get(), &SystemClock(), config->sts_url};
  const Result<Credentials> credentials = NewDefaultCredentials(world)->Get(kLimit);
  if (!credentials.ok()) return ErrorOf(credentials.status());
  return {{"access_key", credentials->access_key_id},
          {"secret_key", credentials->secret_access_key},
          {"token", credentials->session_token}};
}

json SendOne(HttpClient& http, const json& asked) {
  HttpRequest request{.method = asked.at("method"), .url = asked.at("url"), .body = asked.at("body")};
  for (const auto& [name, value] : asked.at("headers").items()) request.headers.push_back({name, value});
  if (const json& sign = asked.at("sign"); !sign.is_null()) {
    request.sign_with = {.credentials = {sign.at("access_key"), sign.at("secret_key"), sign.at("token"), {}},
                         .region = sign.at("region"),
                         .service = sign.at("service"),
                         .at_s = SystemClock().WallTime_ms() / 1000};
  }
  const Result<HttpResponse> response = http.Send(request, kLimit);
  if (!response.ok()) return ErrorOf(response.status());
  return {{"status", response->status}, {"body", response->body}};
}

// A child of fork() that throws away what it inherited.
void ForkAndForget(std::unique_ptr<HttpClient>& http) {
  const pid_t child = ::fork();
  if (child == 0) {
    http.reset();
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

json Send() {
  const json asked = json::parse(std::cin);
  auto http = NewCurlHttpClient(asked.at("ca_bundle"));
  json answers = json::array();
  for (const json& request : asked.at("requests")) {
    answers.push_back(SendOne(*http, request));
    if (asked.at("fork")) ForkAndForget(http);
  }
  return answers;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  std::signal(SIGPIPE, SIG_DFL);  // a program that does not ignore it must not die of it
  const json answer = what == "config" ? Config() : what == "credentials" ? FetchCredentials() : Send();
  std::cout << answer.dump() << '\n';
  return 0;
}
