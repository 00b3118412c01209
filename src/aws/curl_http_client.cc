#include "aws/curl_http_client.h"

#include <curl/curl.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "aws/certificates.h"
#include "aws/curl_transfer.h"
#include "os/file_system.h"

namespace sqlite_efs {
namespace {

// Sets libcurl up, once a process. It stays so: other users of libcurl in the process may not tell us when they end.
Status SetUpCurl() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) return Status::Invalid(std::string("libcurl cannot start: ") + curl_easy_strerror(result));
  const curl_version_info_data& version = *curl_version_info(CURLVERSION_NOW);
  // Without a thread for it, looking a host name up takes as long as it likes.
  if ((version.features & CURL_VERSION_ASYNCHDNS) == 0 || (version.features & CURL_VERSION_SSL) == 0) {
    return Status::Invalid(std::string("libcurl ") + version.version +
                           " lacks asynchronous name resolution or TLS; install one that has both");
  }
  return Status::Ok();
}

class CurlHttpClient : public HttpClient {
 public:
  explicit CurlHttpClient(std::string ca_bundle) : ca_bundle_(std::move(ca_bundle)) {}
  CurlHttpClient(const CurlHttpClient&) = delete;
  CurlHttpClient& operator=(const CurlHttpClient&) = delete;

  ~CurlHttpClient() override {
    // To clean up would say goodbye on connections that the parent goes on using.
    if (handle_ != nullptr && ::getpid() == owner_) curl_easy_cleanup(handle_);
  }

  Result<HttpResponse> Send(const HttpRequest& request, Duration limit) override {
    // Before the lock, which a thread of the parent may have held at the fork().
    if (::getpid() != owner_) {
      return Status::Invalid("this HTTP client was made before fork(); the child must make its own");
    }
    const Instant begin = SystemClock().Now();
    const Turn turn(*this, limit);
    if (!turn.taken()) {
      return Status(StatusCode::kUnavailable,
                    "an earlier request took so long that there was no time left to send this");
    }
    EFS_RETURN_IF_ERROR(SetUp());
    return Transfer(handle_, request, certificates_, limit - (SystemClock().Now() - begin));
  }

 private:
  // The right to use handle_ and certificates_, for one thread at a time.
  class Turn {
   public:
    Turn(CurlHttpClient& client, Duration limit) : client_(client) {
      std::unique_lock lock(client_.mutex_);
      taken_ = SystemClock().Wait(client_.changed_, lock, limit, [&] { return !client_.busy_; });
      if (taken_) client_.busy_ = true;
    }
    ~Turn() {
      if (!taken_) return;
      {
        const std::lock_guard lock(client_.mutex_);
        client_.busy_ = false;
      }
      client_.changed_.notify_one();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    bool taken() const { return taken_; }

   private:
    CurlHttpClient& client_;
    bool taken_;
  };

  Status SetUp() {
    if (handle_ != nullptr) return Status::Ok();
    EFS_RETURN_IF_ERROR(SetUpCurl());
    EFS_ASSIGN_OR_RETURN(certificates_, FindCertificates(ca_bundle_, PosixFileSystem()));
    handle_ = curl_easy_init();
    return handle_ != nullptr ? Status::Ok() : Status::Invalid("libcurl cannot start: no memory");
  }

  const std::string ca_bundle_;
  const pid_t owner_ = ::getpid();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool busy_ = false;
  Certificates certificates_;
  CURL* handle_ = nullptr;
};

}  // namespace

std::unique_ptr<HttpClient> NewCurlHttpClient(std::string ca_bundle) {
  return std::make_unique<CurlHttpClient>(std::move(ca_bundle));
}

}  // namespace sqlite_efs
