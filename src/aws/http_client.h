#ifndef SQLITE_EFS_AWS_HTTP_CLIENT_H_
#define SQLITE_EFS_AWS_HTTP_CLIENT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/signature.h"
#include "base/status.h"
#include "os/clock.h"

namespace sqlite_efs {

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method;  // "POST"
  std::string url;     // with http:// or https://
  std::vector<HttpHeader> headers{};
  std::string body{};
  // Signs the method, the path "/", the host, all headers above and the body; adds "Host", "Authorization",
  // "X-Amz-Date" and, with a session token, "X-Amz-Security-Token", which must not be among the headers above. The
  // URL's path must be "/".
  std::optional<Signature> sign_with{};
  // What the URL's host name was made from, and where that is set: "the region eu-west-1 (AWS_REGION)". If the name
  // service then answers that there is no such host, that is kInvalid.
  std::string host_origin{};
  // Never through a proxy of the environment: for addresses of the machine's own, whose answers are secrets.
  bool without_proxy = false;
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;  // in the order of the reply; of the last one, where "100 Continue" came before
  std::string body{};

  // The value of the first header of that name, in any case of letters; null if there is none.
  const std::string* FindHeader(std::string_view name) const;
};

// Sends one request and waits for its reply. Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // The reply, whatever its status code: 4xx and 5xx are replies. Never takes longer than `limit`. Redirects are
  // replies, too. Where there is none:
  //   kUnavailable  no complete reply: the request may or may not have been carried out, and another try may succeed
  //                 (time is up, no connection, reset, unknown host name, a reply that is no HTTP or too long);
  //   kInvalid      the request was not carried out, and will not be before something is set right (the server's
  //                 certificate is not trusted, the CA bundle cannot be read, the URL or a header is malformed, the
  //                 host was made from a setting and does not exist, or the client was made before fork()).
  // The message names the URL's host and the remedy, never a header, the body or a credential.
  //
  // A request may be carried out twice: if a kept connection turns out to have been closed by the server, it is sent
  // again on a new one. So it must be idempotent, or conditional on what its first try would change.
  virtual Result<HttpResponse> Send(const HttpRequest& request, Duration limit) = 0;
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_HTTP_CLIENT_H_
