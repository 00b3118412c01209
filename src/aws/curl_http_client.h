#ifndef SQLITE_EFS_AWS_CURL_HTTP_CLIENT_H_
#define SQLITE_EFS_AWS_CURL_HTTP_CLIENT_H_

#include <memory>
#include <string>

#include "aws/http_client.h"

namespace sqlite_efs {

// The HttpClient on libcurl. One request at a time: others wait, and their waiting counts against their limit. Keeps
// its connections for later requests, and what it has read of certificates: a process should have one such client.
// Certificates are always verified: against `ca_bundle` (a file or a folder, AWS_CA_BUNDLE), or the system's if it is
// empty. Making one costs nothing; libcurl is set up by the first request, certificates are read by the first https
// one. After fork() a child's Send() fails (kInvalid), and neither it nor the destructor touches the parent's
// connections.
std::unique_ptr<HttpClient> NewCurlHttpClient(std::string ca_bundle);

// A reply's largest body; a longer one is kUnavailable.
constexpr size_t kMaxReplyBytes = 1 << 20;

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CURL_HTTP_CLIENT_H_
