#include "os/child.h"

#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): for kill()
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace sqlite_efs {
namespace {

constexpr size_t kChunk_bytes = 4096;

bool SendAll(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// Appends what has come; false if nothing will come any more.
bool ReceiveSome(int socket, std::string* text) {
  std::array<char, kChunk_bytes> chunk;
  ssize_t n = 0;
  do {
    n = ::recv(socket, chunk.data(), chunk.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  text->append(chunk.data(), static_cast<size_t>(n));
  return true;
}

// Takes the first line out of `text`; false if there is no whole one.
bool TakeLine(std::string* text, std::string* line) {
  const size_t end = text->find('\n');
  if (end == std::string::npos) return false;
  *line = text->substr(0, end);
  text->erase(0, end + 1);
  return true;
}

[[noreturn]] void Serve(int socket, const std::function<std::string(const std::string&)>& answer) {
  // It ends when its parent does: what a terminal interrupts is the parent's matter.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int ignored : {SIGINT, SIGTERM, SIGHUP}) ::signal(ignored, SIG_IGN);
  std::string text;
  std::string line;
  while (true) {
    while (TakeLine(&text, &line)) {
      if (!SendAll(socket, answer(line) + "\n")) ::_exit(0);
    }
    if (!ReceiveSome(socket, &text)) ::_exit(0);
  }
}

Status Gone() { return {StatusCode::kUnavailable, "the second process has ended; try again"}; }

}  // namespace

Result<std::unique_ptr<Child>> Child::Start(const std::function<std::string(const std::string&)>& answer) {
  std::array<int, 2> sockets;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return Status::FromErrno(errno, "make", "a pair of sockets");
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(sockets[0]);
    Serve(sockets[1], answer);
  }
  const int error = errno;
  ::close(sockets[1]);
  if (pid > 0) return std::unique_ptr<Child>(new Child(pid, sockets[0]));
  ::close(sockets[0]);
  return Status::FromErrno(error, "start", "a second process");
}

Status Child::Send(const std::string& line) { return pid_ > 0 && SendAll(socket_, line + "\n") ? Status() : Gone(); }

Result<std::string> Child::Receive(Duration timeout) {
  const Instant deadline = SystemClock().Now() + timeout;
  std::string line;
  while (!TakeLine(&received_, &line)) {
    if (pid_ < 0) return Gone();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SystemClock().Now());
    if (left.count() <= 0) return Status(StatusCode::kUnavailable, "the second process does not answer; try again");
    struct pollfd ready = {socket_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(left.count())) > 0 && !ReceiveSome(socket_, &received_)) return Gone();
  }
  return line;
}

void Child::Kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  ::close(socket_);
}

}  // namespace sqlite_efs
