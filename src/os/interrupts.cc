#include "os/interrupts.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): for sigaction()

#include <array>
#include <atomic>

namespace sqlite_efs {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

std::atomic<int> noted{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may use no lock");

void Note(int signal) { noted.store(signal); }

}  // namespace

Interrupts::Interrupts() {
  struct sigaction action = {};
  action.sa_handler = &Note;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one is not for us
  for (const int signal : kSignals) {
    struct sigaction before = {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);  // as nohup(1) has it
  }
}

Interrupts::~Interrupts() {
  for (const int signal : kSignals) {
    struct sigaction now = {};
    ::sigaction(signal, nullptr, &now);
    if (now.sa_handler == &Note) ::signal(signal, SIG_DFL);
  }
  if (noted.load() != 0) ::raise(noted.load());
}

bool Interrupts::Noted() { return noted.load() != 0; }

}  // namespace sqlite_efs
