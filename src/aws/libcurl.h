#ifndef SQLITE_EFS_AWS_LIBCURL_H_
#define SQLITE_EFS_AWS_LIBCURL_H_

#include <curl/curl.h>

#include "base/status.h"

namespace sqlite_efs {

// The functions of libcurl and of the OpenSSL that it needs, loaded when they are first needed: a process that never
// speaks to AWS neither needs the libraries nor pays for loading them. They come from sqlite_efs_https.so
// (cmake/EfsHttps.cmake) beside this code's own file, which a wheel has, else from the system's libcurl.so.4.
struct LibCurl {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_version_info) version_info;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
  decltype(&::curl_url) url;
  decltype(&::curl_url_set) url_set;
  decltype(&::curl_url_get) url_get;
  decltype(&::curl_url_cleanup) url_cleanup;
  decltype(&::curl_free) free;
  decltype(&::curl_getdate) getdate;
  // EVP_sha256(), EVP_MD_CTX_new(), EVP_DigestInit_ex(), HMAC_CTX_new(), HMAC_Init_ex() and so on, whose types are in
  // headers of another package.
  const void* (*evp_sha256)();
  void* (*digest_new)();
  int (*digest_init)(void* context, const void* hash, void* engine);
  int (*digest_update)(void* context, const void* data, size_t size);
  int (*digest_final)(void* context, void* digest, unsigned* digest_size);
  void (*digest_free)(void* context);
  void* (*keyed_digest_new)();
  int (*keyed_digest_init)(void* context, const void* key, int key_size, const void* hash, void* engine);
  int (*keyed_digest_update)(void* context, const void* data, size_t size);
  int (*keyed_digest_final)(void* context, void* digest, unsigned* digest_size);
  void (*keyed_digest_free)(void* context);
};

// Loads libcurl and sets it up, once a process. kInvalid: it is not there, too old, or lacks what is needed; the
// message says what to install. It stays loaded. Thread-safe.
Status LoadLibCurl();

// The functions; only after LoadLibCurl() was OK.
const LibCurl& Curl();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_LIBCURL_H_
