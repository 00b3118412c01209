#include "sim/fiber.h"

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace sqlite_efs::sim {
namespace {

constexpr size_t kStack_bytes = size_t{512} << 10;

size_t GuardSize() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

Fiber::Fiber() {
  // The page below the stack is not accessible: an overflow stops the program.
  void* const memory =
      ::mmap(nullptr, kStack_bytes + GuardSize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || ::mprotect(memory, GuardSize(), PROT_NONE) != 0) std::abort();
  stack_ = static_cast<std::byte*>(memory);
}

Fiber::~Fiber() { ::munmap(stack_, kStack_bytes + GuardSize()); }

void Fiber::Start(std::function<void()> body) {
  assert(ended_);
  body_ = std::move(body);
  begun_ = ended_ = false;
}

void Fiber::Enter(unsigned high, unsigned low) {
  // makecontext() passes on integers only.
  auto* const self = reinterpret_cast<Fiber*>((uintptr_t{high} << 32) | low);  // NOLINT(performance-no-int-to-ptr)
  self->body_();
  self->body_ = nullptr;
  self->ended_ = true;
  _longjmp(self->outside_, 1);
}

// setcontext() begins a fiber. To switch it is too slow: it also saves the signal mask, which is a system call.
void Fiber::Resume() {
  assert(!ended_);
  if (_setjmp(outside_) != 0) return;
  if (begun_) _longjmp(inside_, 1);
  begun_ = true;
  ucontext_t start;
  ::getcontext(&start);
  start.uc_stack.ss_sp = stack_ + GuardSize();
  start.uc_stack.ss_size = kStack_bytes;
  start.uc_link = nullptr;
  const auto address = reinterpret_cast<uintptr_t>(this);
  ::makecontext(&start, reinterpret_cast<void (*)()>(&Enter), 2, static_cast<unsigned>(address >> 32),
                static_cast<unsigned>(address & UINT32_MAX));
  ::setcontext(&start);
}

void Fiber::Suspend() {
  if (_setjmp(inside_) == 0) _longjmp(outside_, 1);
}

}  // namespace sqlite_efs::sim
