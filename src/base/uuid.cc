#include "base/uuid.h"

#include <random>

namespace sqlite_efs {

uint32_t RandomBits() {
  // Asks the system each time: a generator's state would be shared by a process and the children it forks.
  std::random_device device;
  return device();
}

std::string NewUuid() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  uint32_t bits = 0;
  int left = 0;
  for (char& c : text) {
    if (c != 'x' && c != 'y') continue;
    if (left == 0) {
      bits = RandomBits();
      left = 8;
    }
    const uint32_t nibble = c == 'y' ? (8 | (bits & 3)) : (bits & 15);
    c = kDigits[nibble];
    bits >>= 4;
    left--;
  }
  return text;
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !digit) return false;
  }
  return true;
}

}  // namespace sqlite_efs
