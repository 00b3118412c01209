#include "base/random.h"

#include <sys/random.h>

#include <cstdlib>

namespace sqlite_efs {

// Asks the system each time: a generator's state would be shared by a process and the children it forks.
void FillRandom(std::span<uint8_t> out) {
  const ssize_t size = ::getrandom(out.data(), out.size(), 0);  // whole, for so few bytes: getrandom(2)
  if (size != static_cast<ssize_t>(out.size())) std::abort();
}

}  // namespace sqlite_efs
