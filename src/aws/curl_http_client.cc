#include "aws/curl_http_client.h"

#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "aws/certificates.h"
#include "aws/curl_transfer.h"
#include "aws/libcurl.h"
#include "os/file_system.h"

namespace sqlite_efs {
namespace {

class CurlHttpClient : public HttpClient {
 public:
  explicit CurlHttpClient(std::string ca_bundle) : ca_bundle_(std::move(ca_bundle)) {}
  CurlHttpClient(const CurlHttpClient&) = delete;
  CurlHttpClient& operator=(const CurlHttpClient&) = delete;

  ~CurlHttpClient() override {
    // To clean up would say goodbye on connections that the parent goes on using.
    if (session_ && ::getpid() == owner_) Curl().easy_cleanup(session_->handle);
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
    return Transfer(*session_, request, limit - (SystemClock().Now() - begin));
  }

 private:
  // The right to use session_, for one thread at a time.
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
    if (session_) return Status::Ok();
    EFS_RETURN_IF_ERROR(LoadLibCurl());
    EFS_ASSIGN_OR_RETURN(Certificates certificates, FindCertificates(ca_bundle_, PosixFileSystem()));
    CURL* handle = Curl().easy_init();
    if (handle == nullptr) return Status::Invalid("libcurl cannot start: no memory");
    session_ = std::make_unique<CurlSession>();
    session_->handle = handle;
    session_->certificates = std::move(certificates);
    return Status::Ok();
  }

  const std::string ca_bundle_;
  const pid_t owner_ = ::getpid();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool busy_ = false;
  std::unique_ptr<CurlSession> session_;  // once a request was sent
};

}  // namespace

std::unique_ptr<HttpClient> NewCurlHttpClient(std::string ca_bundle) {
  return std::make_unique<CurlHttpClient>(std::move(ca_bundle));
}

}  // namespace sqlite_efs
