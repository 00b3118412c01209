#include "base/uuid.h"

#include <array>

#include "base/random.h"

namespace sqlite_efs {

uint32_t RandomBits() {
  std::array<uint8_t, 4> bytes;
  FillRandom(bytes);
  uint32_t bits = 0;
  for (const uint8_t byte : bytes) bits = (bits << 8) | byte;
  return bits;
}

std::string NewUuid() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::array<uint8_t, 16> bytes;
  FillRandom(bytes);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);  // the variant of RFC 9562
  std::string text;
  for (size_t i = 0; i < bytes.size(); i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kDigits[bytes[i] >> 4]);
    text.push_back(kDigits[bytes[i] & 15]);
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
