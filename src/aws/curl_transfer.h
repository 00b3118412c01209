#ifndef SQLITE_EFS_AWS_CURL_TRANSFER_H_
#define SQLITE_EFS_AWS_CURL_TRANSFER_H_

#include <curl/curl.h>

#include <optional>
#include <string>

#include "aws/certificates.h"
#include "aws/http_client.h"
#include "aws/signer.h"
#include "aws/url.h"

namespace sqlite_efs {

// What requests have in common, one after the other. libcurl is loaded.
struct CurlSession {
  CURL* handle = nullptr;  // with no settings but libcurl's own
  Certificates certificates;
  Signer signer;
  std::optional<Url> url;  // the latest that was taken apart, and its text
  std::string url_text;
};

// One request and its reply, in at most `limit`: what HttpClient::Send() promises, but for threads and fork(). Takes no
// setting of an earlier request over, only its connections.
Result<HttpResponse> Transfer(CurlSession& session, const HttpRequest& request, Duration limit);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CURL_TRANSFER_H_
