#ifndef SQLITE_EFS_TESTING_HTTP_SERVER_H_
#define SQLITE_EFS_TESTING_HTTP_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace sqlite_efs::testing {

// A HTTP server on a port of this machine, for as long as the object lives. What it answers is up to the test, down to
// the bytes; so is what it does then.
class HttpServer {
 public:
  struct Request {
    int connection = 0;  // counted from 1
    std::string method;
    std::string path;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };
  enum class Then { kKeep, kClose, kReset, kWaitForTheEnd, kRepeatForEver };
  struct Answer {
    std::string bytes;
    Then then = Then::kKeep;
  };
  using Handler = std::function<Answer(const Request&)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }

  ~HttpServer() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      ::shutdown(listener_, SHUT_RDWR);
      for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
    }
    changed_.notify_all();
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    for (const int connection : connections_) ::close(connection);
    ::close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

  std::vector<Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  size_t connections() {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }
  void WaitForRequests(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return requests_.size() >= count; });
  }

  // A whole answer.
  static Answer Reply(int status, const std::string& body, const std::string& more_headers = "") {
    return {"HTTP/1.1 " + std::to_string(status) + " Said\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
            more_headers + "\r\n" + body};
  }

 private:
  void Accept() {
    while (true) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      const std::lock_guard lock(mutex_);
      if (fd < 0 || ended_) {
        if (fd >= 0) ::close(fd);
        return;
      }
      connections_.push_back(fd);
      threads_.emplace_back([this, fd, number = static_cast<int>(connections_.size())] { Serve(fd, number); });
    }
  }

  void Serve(int fd, int number) {
    std::string input;
    Request request;
    request.connection = number;
    while (Read(fd, &input, &request)) {
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      changed_.notify_all();
      const Answer answer = handler_(request);
      bool sent = Write(fd, answer.bytes);
      while (answer.then == Then::kRepeatForEver && sent) sent = Write(fd, answer.bytes);
      if (answer.then == Then::kWaitForTheEnd) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return ended_; });
      }
      if (answer.then == Then::kReset) {
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        // The descriptor stays taken, so that no later connection gets its number.
        const int nothing = ::socket(AF_INET, SOCK_STREAM, 0);
        ::dup2(nothing, fd);
        ::close(nothing);
      }
      if (answer.then != Then::kKeep) break;
    }
    ::shutdown(fd, SHUT_RDWR);
  }

  static bool Write(int fd, const std::string& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    return true;
  }

  // Reads until `input` holds `size` bytes, or `end` was seen; false at the end of the connection.
  static bool Fill(int fd, std::string* input, const std::function<bool()>& enough) {
    char buffer[4096];
    while (!enough()) {
      const ssize_t n = ::recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) return false;
      input->append(buffer, static_cast<size_t>(n));
    }
    return true;
  }

  static bool Read(int fd, std::string* input, Request* request) {
    size_t end = std::string::npos;
    if (!Fill(fd, input, [&] { return (end = input->find("\r\n\r\n")) != std::string::npos; })) return false;
    std::string head = input->substr(0, end + 2);
    input->erase(0, end + 4);
    request->headers.clear();
    const size_t space = head.find(' ');
    request->method = head.substr(0, space);
    request->path = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    for (size_t begin = head.find("\r\n") + 2; begin < head.size();) {
      const size_t line_end = head.find("\r\n", begin);
      const size_t colon = head.find(": ", begin);
      std::string name = head.substr(begin, colon - begin);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      std::string& value = request->headers[name];
      value += (value.empty() ? "" : ",") + head.substr(colon + 2, line_end - colon - 2);
      begin = line_end + 2;
    }
    const auto length = request->headers.find("content-length");
    const size_t size = length == request->headers.end() ? 0 : std::stoul(length->second);
    if (!Fill(fd, input, [&] { return input->size() >= size; })) return false;
    request->body = input->substr(0, size);
    input->erase(0, size);
    return true;
  }

  const Handler handler_;
  const int listener_;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::vector<int> connections_;  // closed at the end
  std::vector<std::thread> threads_;
  std::vector<Request> requests_;
  std::thread acceptor_;
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_HTTP_SERVER_H_
