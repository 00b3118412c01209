// Lets User-Mode-Linux 6.1 run on processors with AMX; for LD_PRELOAD. It keeps 2.7 KiB of a process's extended state,
// and Linux refuses to set less than all of it (PTRACE_SETREGSET, EFAULT), 11 KiB with AMX. So what is to be set is
// laid over what is there; AMX's own parts, which UML knows nothing of, are marked as unused.
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstring>

namespace {

constexpr size_t kMaxState_bytes = 65536;
constexpr size_t kPartsInUse_offset = 512;  // XSTATE_BV, behind the legacy area
constexpr uint64_t kAmxParts = 3ULL << 17;

alignas(64) char whole_state[kMaxState_bytes];  // a guest's kernel has one thread that traces

long SetState(long pid, void* kind, iovec* wanted) {
  iovec whole = {.iov_base = whole_state, .iov_len = sizeof whole_state};
  if (::syscall(SYS_ptrace, PTRACE_GETREGSET, pid, kind, &whole) < 0) return -1;
  if (wanted->iov_len >= whole.iov_len) return ::syscall(SYS_ptrace, PTRACE_SETREGSET, pid, kind, wanted);
  std::memcpy(whole_state, wanted->iov_base, wanted->iov_len);
  uint64_t in_use = 0;
  std::memcpy(&in_use, whole_state + kPartsInUse_offset, sizeof in_use);
  in_use &= ~kAmxParts;
  std::memcpy(whole_state + kPartsInUse_offset, &in_use, sizeof in_use);
  return ::syscall(SYS_ptrace, PTRACE_SETREGSET, pid, kind, &whole);
}

}  // namespace

extern "C" long ptrace(__ptrace_request request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  const long pid = va_arg(arguments, long);
  void* const address = va_arg(arguments, void*);
  void* const data = va_arg(arguments, void*);
  va_end(arguments);
  if (request == PTRACE_SETREGSET && reinterpret_cast<uintptr_t>(address) == NT_X86_XSTATE) {
    return SetState(pid, address, static_cast<iovec*>(data));
  }
  if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
    long word = 0;  // the C library returns what the system call stores
    return ::syscall(SYS_ptrace, request, pid, address, &word) < 0 ? -1 : word;
  }
  return ::syscall(SYS_ptrace, request, pid, address, data);
}
