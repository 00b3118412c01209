#include "aws/curl_transfer.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <memory>

#include "aws/curl_http_client.h"
#include "aws/host_name.h"
#include "aws/libcurl.h"
#include "aws/url.h"

namespace sqlite_efs {
namespace {

constexpr size_t kMaxRequestBytes = 512 << 10;  // libcurl begins a longer one with "Expect"

struct FreeList {
  void operator()(curl_slist* list) const { Curl().slist_free_all(list); }
};

using HeaderList = std::unique_ptr<curl_slist, FreeList>;

// The options of one request, for as long as the object lives; remembers the first that libcurl refused.
class Options {
 public:
  explicit Options(CURL* handle) : handle_(handle) {}
  ~Options() { Curl().easy_reset(handle_); }  // it must not point to what ends with the request
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  template <typename T>
  void Set(CURLoption option, T value) {
    const CURLcode code = Curl().easy_setopt(handle_, option, value);
    if (first_failure_ == CURLE_OK) first_failure_ = code;
  }
  CURLcode first_failure() const { return first_failure_; }

 private:
  CURL* handle_;
  CURLcode first_failure_ = CURLE_OK;
};

// What arrives of the reply; stops the transfer when it is too long.
struct Arrival {
  std::vector<HttpHeader> headers;
  std::string body;
  size_t bytes = 0;
  bool too_long = false;
  bool head_complete = false;  // libcurl takes a head that breaks off for a reply

  bool Count(size_t more) {
    bytes += more;
    too_long = bytes > kMaxReplyBytes;
    return !too_long;
  }
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* arrival = static_cast<Arrival*>(user);
  if (!arrival->Count(size * count)) return 0;
  arrival->body.append(data, size * count);
  return size * count;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  auto* arrival = static_cast<Arrival*>(user);
  if (!arrival->Count(size * count)) return 0;
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {  // of a later reply, where "100 Continue" or a proxy's came before
    arrival->head_complete = false;
    arrival->headers.clear();
  } else if (line == "\r\n" || line == "\n") {
    arrival->head_complete = true;
  } else if (const size_t colon = line.find(':'); colon != line.npos && !arrival->head_complete) {
    arrival->headers.push_back({std::string(line.substr(0, colon)), std::string(Trimmed(line.substr(colon + 1)))});
  }
  return size * count;
}

// A program that the process starts must not hold the connection open.
curl_socket_t OnSocket(void* /*user*/, curlsocktype /*purpose*/, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Checks what libcurl would take its own way.
Result<Url> CheckUrl(CurlSession& session, const HttpRequest& request) {
  if (request.url != session.url_text) session.url = ParseUrl(session.url_text = request.url);
  const std::optional<Url>& url = session.url;
  if (!url)
    return Status::Invalid(
        "the URL of a service is malformed; it must be as in https://dynamodb.eu-west-1.amazonaws.com");
  if (url->scheme != "http" && url->scheme != "https") {
    return Status::Invalid("the URL of " + url->host_and_port() + " must begin with http:// or https://");
  }
  if (request.sign_with && (url->path != "/" || url->has_more)) {
    return Status::Invalid("the URL of " + url->host_and_port() + " must have no path, no query and no user");
  }
  return *url;
}

bool IsHeader(const HttpHeader& header) {
  const auto in_name = [](unsigned char c) { return c > ' ' && c < 0x7F && c != ':' && c != ';'; };
  const auto in_value = [](unsigned char c) { return c >= ' ' && c != 0x7F; };
  return !header.name.empty() && std::ranges::all_of(header.name, in_name) && !header.value.empty() &&
         header.value.front() != ' ' && header.value.back() != ' ' && std::ranges::all_of(header.value, in_value);
}

// All headers of `request`; kInvalid for one that would be sent as something else.
Result<HeaderList> MakeHeaders(const HttpRequest& request, const std::string& host, Signer& signer) {
  HeaderList list;
  std::string line;
  for (const HttpHeader& header : request.sign_with ? signer.Headers(request, host) : request.headers) {
    if (!IsHeader(header)) {
      return Status::Invalid(header.name == "X-Amz-Security-Token"
                                 ? "the session token of the AWS credentials has characters that no token has"
                                 : "the HTTP header '" + header.name + "' is malformed");
    }
    line.assign(header.name).append(": ").append(header.value);
    curl_slist* longer = Curl().slist_append(list.get(), line.c_str());
    if (longer == nullptr) return Status::Invalid("no memory for a request");
    static_cast<void>(list.release());
    list.reset(longer);
  }
  return list;
}

void SetSafety(Options& options, const Certificates& certificates, Duration limit) {
  const auto limit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  options.Set(CURLOPT_TIMEOUT_MS, std::max<long>(1, limit_ms));  // all of it: name, connection, reply
  options.Set(CURLOPT_NOSIGNAL, 1L);
  options.Set(CURLOPT_QUICK_EXIT, 1L);  // else the end of a slow look-up of the host name is waited for
  options.Set(CURLOPT_PROTOCOLS_STR, "http,https");
  options.Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  options.Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  options.Set(CURLOPT_OPENSOCKETFUNCTION, &OnSocket);
  // Both, or libcurl adds its own place to ours, and what it has read is not kept for the next connection.
  if (!certificates.bundle.empty() || !certificates.folder.empty()) {
    const auto or_none = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
    options.Set(CURLOPT_CAINFO, or_none(certificates.bundle));
    options.Set(CURLOPT_CAPATH, or_none(certificates.folder));
  }
}

void SetRequest(Options& options, const HttpRequest& request) {
  options.Set(CURLOPT_URL, request.url.c_str());
  options.Set(CURLOPT_PATH_AS_IS, 1L);
  options.Set(CURLOPT_USERAGENT, "sqlite-efs/" SQLITE_EFS_VERSION);
  if (request.without_proxy) options.Set(CURLOPT_PROXY, "");
  if (request.method == "GET") {
    options.Set(CURLOPT_HTTPGET, 1L);
    return;
  }
  options.Set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
  options.Set(CURLOPT_POSTFIELDS, request.body.c_str());
  options.Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

// Whether the request was not sent, and sending it again as it is is no use.
bool IsPermanent(CURLcode code) {
  constexpr std::array kPermanent = {
      CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT,
      CURLE_UNKNOWN_OPTION,           CURLE_NOT_BUILT_IN,       CURLE_FAILED_INIT};
  return std::ranges::find(kPermanent, code) != kPermanent.end();
}

Status Explain(CURLcode code, const std::string& host, const char* detail, bool too_long,
               const Certificates& certificates) {
  std::string said = *detail != '\0' ? detail : Curl().easy_strerror(code);
  if (too_long) said = "a reply longer than any that is expected";
  std::string message = host + ": " + said;
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      if (certificates.bundle.empty() && certificates.folder.empty()) {
        message +=
            "; no certificates are where systems have them: install them (ca-certificates), or name a file of "
            "them with AWS_CA_BUNDLE or SSL_CERT_FILE";
        break;
      }
      message += "; if a proxy or a private service answers there, name its certificates with AWS_CA_BUNDLE";
      break;
    case CURLE_SSL_CACERT_BADFILE:
      message += "; see AWS_CA_BUNDLE, or install the system's certificates (ca-certificates)";
      break;
    case CURLE_COULDNT_RESOLVE_HOST:
      message += "; is the region right, and is there a network?";
      break;
    default:
      break;
  }
  return {IsPermanent(code) ? StatusCode::kInvalid : StatusCode::kUnavailable, std::move(message)};
}

// A name that was made from a region and does not exist is a misspelt region, which no patience mends; a name service
// that is down for a moment says something else. libcurl does not tell the two apart.
Status ExplainMissingHost(const Status& failure, const HttpRequest& request, const std::string& host, Duration limit) {
  if (request.host_origin.empty() || !IsNoHost(host, limit)) return failure;
  return Status::Invalid(
      host + ": Could not resolve host: the name service knows none of this name, which was made from " +
      request.host_origin + "; correct that, or, if it is right, have this network's name service know AWS's names");
}

HttpResponse TakeReply(CURL* handle, Arrival&& arrival) {
  HttpResponse response;
  long status = 0;
  Curl().easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.headers = std::move(arrival.headers);
  response.body = std::move(arrival.body);
  return response;
}

}  // namespace

Result<HttpResponse> Transfer(CurlSession& session, const HttpRequest& request, Duration limit) {
  const Instant begun = SystemClock().Now();
  EFS_ASSIGN_OR_RETURN(const Url url, CheckUrl(session, request));
  const std::string host = url.host_and_port();
  if (limit <= Duration::zero()) return Status(StatusCode::kUnavailable, host + ": no time left to send a request");
  if (request.body.size() > kMaxRequestBytes) return Status::Invalid(host + ": a request that is too long to send");
  EFS_ASSIGN_OR_RETURN(const HeaderList headers, MakeHeaders(request, host, session.signer));

  std::array<char, CURL_ERROR_SIZE> detail{};
  Arrival arrival;
  Options options(session.handle);
  SetSafety(options, session.certificates, limit);
  SetRequest(options, request);
  options.Set(CURLOPT_HTTPHEADER, headers.get());
  options.Set(CURLOPT_ERRORBUFFER, detail.data());
  options.Set(CURLOPT_WRITEFUNCTION, &OnBody);
  options.Set(CURLOPT_WRITEDATA, &arrival);
  options.Set(CURLOPT_HEADERFUNCTION, &OnHeader);
  options.Set(CURLOPT_HEADERDATA, &arrival);

  CURLcode code = options.first_failure() == CURLE_OK ? Curl().easy_perform(session.handle) : options.first_failure();
  if (code == CURLE_OK && !arrival.head_complete) code = CURLE_GOT_NOTHING;
  Result<HttpResponse> result = code == CURLE_OK
                                    ? Result<HttpResponse>(TakeReply(session.handle, std::move(arrival)))
                                    : Explain(code, host, detail.data(), arrival.too_long, session.certificates);
  if (code == CURLE_COULDNT_RESOLVE_HOST) {
    result = ExplainMissingHost(result.status(), request, url.host, limit - (SystemClock().Now() - begun));
  }
  return result;
}

}  // namespace sqlite_efs
