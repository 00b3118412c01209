#ifndef SQLITE_EFS_FUZZ_INPUT_H_
#define SQLITE_EFS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "base/types.h"

namespace sqlite_efs::fuzz {

// A property that does not hold ends the program, so that the fuzzer keeps the input.
inline void Require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "this does not hold: %s\n", what.c_str());
  std::abort();
}

// The fuzzer's bytes, taken from the front; zeros when there are no more.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }

  template <typename Number>
  Number Take() {
    Number number = 0;
    for (size_t i = 0; i < sizeof number; i++) number = static_cast<Number>(number << 8U | Byte());
    return number;
  }
  std::string_view TakeText(size_t size) {
    const std::string_view text = left_.substr(0, size);
    left_.remove_prefix(text.size());
    return text;
  }
  // Up to the next `end`, which is taken too.
  std::string_view TakeUntil(char end) {
    const std::string_view text = TakeText(std::min(left_.find(end), left_.size()));
    left_.remove_prefix(std::min<size_t>(1, left_.size()));
    return text;
  }
  std::string_view TakeRest() { return TakeText(left_.size()); }

 private:
  uint8_t Byte() {
    const auto byte = static_cast<uint8_t>(left_.empty() ? 0 : left_.front());
    left_.remove_prefix(std::min<size_t>(1, left_.size()));
    return byte;
  }

  std::string_view left_;
};

inline Bytes AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace sqlite_efs::fuzz

#endif  // SQLITE_EFS_FUZZ_INPUT_H_
