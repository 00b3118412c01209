#ifndef SQLITE_EFS_AWS_URL_H_
#define SQLITE_EFS_AWS_URL_H_

#include <optional>
#include <string>

namespace sqlite_efs {

// The parts of a URL, as libcurl will understand it.
struct Url {
  std::string scheme;     // "https", in lower case
  std::string host;       // an IPv6 address in brackets
  std::string port;       // empty: the scheme's own
  std::string path;       // at least "/"
  bool has_more = false;  // a user, a password, a query or a fragment

  std::string host_and_port() const { return port.empty() ? host : host + ":" + port; }
};

// Nothing if `text` is no URL, or if libcurl cannot be loaded (LoadLibCurl() says why).
std::optional<Url> ParseUrl(const std::string& text);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_URL_H_
