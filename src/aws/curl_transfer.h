#ifndef SQLITE_EFS_AWS_CURL_TRANSFER_H_
#define SQLITE_EFS_AWS_CURL_TRANSFER_H_

#include <curl/curl.h>

#include "aws/certificates.h"
#include "aws/http_client.h"
#include "aws/signer.h"

namespace sqlite_efs {

// One request and its reply on `handle`, in at most `limit`: what HttpClient::Send() promises, but for threads and
// fork(). libcurl is loaded. Takes no setting of an earlier request over, only its connections.
Result<HttpResponse> Transfer(CURL* handle, const HttpRequest& request, const Certificates& certificates,
                              Signer& signer, Duration limit);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CURL_TRANSFER_H_
