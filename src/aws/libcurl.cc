#include "aws/libcurl.h"

#include <dlfcn.h>

#include <cassert>
#include <string>

namespace sqlite_efs {
namespace {

// Beside the file that this code is in: libcurl and OpenSSL in one, which a wheel brings along.
constexpr const char* kOwnLibrary = "$ORIGIN/sqlite_efs_https.so";
constexpr const char* kSystemsLibrary = "libcurl.so.4";
// The first that signs a session token, and can leave a slow look-up of a host name behind: 7.88.0.
constexpr unsigned kOldestVersion = 0x075800;

struct Loaded {
  Status status;
  LibCurl functions{};
};

Status Unusable(const std::string& why) {
  return Status::Invalid(why + "; AWS needs libcurl 7.88 or later, with OpenSSL (Debian: libcurl4)");
}

// Looks functions of a library up; remembers one that is missing.
class Symbols {
 public:
  explicit Symbols(void* library) : library_(library) {}

  template <typename Function>
  void Find(const char* name, Function* function) {
    *function = reinterpret_cast<Function>(::dlsym(library_, name));
    if (*function == nullptr) missing_ = name;
  }
  const char* missing() const { return missing_; }

 private:
  void* library_;
  const char* missing_ = nullptr;
};

const char* FindAll(void* library, LibCurl* curl) {
  Symbols symbols(library);
  symbols.Find("curl_global_init", &curl->global_init);
  symbols.Find("curl_version_info", &curl->version_info);
  symbols.Find("curl_easy_init", &curl->easy_init);
  symbols.Find("curl_easy_setopt", &curl->easy_setopt);
  symbols.Find("curl_easy_perform", &curl->easy_perform);
  symbols.Find("curl_easy_getinfo", &curl->easy_getinfo);
  symbols.Find("curl_easy_strerror", &curl->easy_strerror);
  symbols.Find("curl_easy_reset", &curl->easy_reset);
  symbols.Find("curl_easy_cleanup", &curl->easy_cleanup);
  symbols.Find("curl_slist_append", &curl->slist_append);
  symbols.Find("curl_slist_free_all", &curl->slist_free_all);
  symbols.Find("curl_url", &curl->url);
  symbols.Find("curl_url_set", &curl->url_set);
  symbols.Find("curl_url_get", &curl->url_get);
  symbols.Find("curl_url_cleanup", &curl->url_cleanup);
  symbols.Find("curl_free", &curl->free);
  symbols.Find("curl_getdate", &curl->getdate);
  // dlsym() looks into what a library needs, too.
  symbols.Find("EVP_sha256", &curl->evp_sha256);
  symbols.Find("EVP_MD_CTX_new", &curl->digest_new);
  symbols.Find("EVP_DigestInit_ex", &curl->digest_init);
  symbols.Find("EVP_DigestUpdate", &curl->digest_update);
  symbols.Find("EVP_DigestFinal_ex", &curl->digest_final);
  symbols.Find("EVP_MD_CTX_free", &curl->digest_free);
  symbols.Find("HMAC_CTX_new", &curl->keyed_digest_new);
  symbols.Find("HMAC_Init_ex", &curl->keyed_digest_init);
  symbols.Find("HMAC_Update", &curl->keyed_digest_update);
  symbols.Find("HMAC_Final", &curl->keyed_digest_final);
  symbols.Find("HMAC_CTX_free", &curl->keyed_digest_free);
  return symbols.missing();
}

Status SetUp(LibCurl* curl) {
  // Never closed: abandoned look-ups of host names may still run in it.
  void* library = ::dlopen(kOwnLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) library = ::dlopen(kSystemsLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Unusable(std::string("libcurl cannot be loaded: ") + ::dlerror());
  if (const char* missing = FindAll(library, curl)) return Unusable(std::string("libcurl lacks ") + missing);
  if (const CURLcode code = curl->global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK) {
    return Unusable(std::string("libcurl cannot start: ") + curl->easy_strerror(code));
  }
  const curl_version_info_data& version = *curl->version_info(CURLVERSION_NOW);
  const std::string name = std::string("libcurl ") + version.version;
  if (version.version_num < kOldestVersion) return Unusable(name + " is too old");
  // Without a thread for it, looking a host name up takes as long as it likes.
  constexpr int kNeeded = CURL_VERSION_ASYNCHDNS | CURL_VERSION_SSL;
  if ((version.features & kNeeded) != kNeeded) return Unusable(name + " lacks asynchronous name resolution or TLS");
  return Status::Ok();
}

const Loaded& Load() {
  static const Loaded* loaded = [] {
    auto* fresh = new Loaded;  // never destroyed: clients may outlive static destruction
    fresh->status = SetUp(&fresh->functions);
    return fresh;
  }();
  return *loaded;
}

}  // namespace

Status LoadLibCurl() { return Load().status; }

const LibCurl& Curl() {
  assert(Load().status.ok());
  return Load().functions;
}

}  // namespace sqlite_efs
