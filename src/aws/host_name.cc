#include "aws/host_name.h"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <thread>

namespace sqlite_efs {
namespace {

struct LookUp {
  std::mutex mutex;
  std::condition_variable ended;
  std::optional<int> code;  // of getaddrinfo()
};

void Run(LookUp& look_up, const std::string& name) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (found != nullptr) ::freeaddrinfo(found);
  const std::lock_guard lock(look_up.mutex);
  look_up.code = code;
  look_up.ended.notify_all();
}

}  // namespace

bool IsNoHost(const std::string& name, Duration limit) {
  if (limit <= Duration::zero()) return false;
  const auto look_up = std::make_shared<LookUp>();
  std::thread([look_up, name] { Run(*look_up, name); }).detach();
  std::unique_lock lock(look_up->mutex);
  (void)SystemClock().Wait(look_up->ended, lock, limit, [&] { return look_up->code.has_value(); });
  // A network that is down, or a server that does not answer or is overloaded, is EAI_AGAIN.
  return look_up->code == EAI_NONAME;
}

}  // namespace sqlite_efs
