#ifndef SQLITE_EFS_SIM_RANDOM_H_
#define SQLITE_EFS_SIM_RANDOM_H_

#include <bit>
#include <cassert>
#include <cstdint>

namespace sqlite_efs::sim {

// Mixes bits so that every bit of the argument changes half of the result's. https://prng.di.unimi.it/splitmix64.c
inline constexpr uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}
inline constexpr uint64_t Mix(uint64_t a, uint64_t b) { return Mix(a ^ (Mix(b) + 0x9e3779b97f4a7c15U)); }

// A stream of numbers that its seed determines, the same on every machine.
class Random {
 public:
  explicit Random(uint64_t seed = 0) : state_(Mix(seed + 0x9e3779b97f4a7c15U)) {}

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15U); }
  // 0 to n - 1.
  uint64_t Below(uint64_t n) {
    assert(n > 0);
    return Next() % n;
  }
  uint64_t Between(uint64_t least, uint64_t most) { return least + Below(most - least + 1); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  // From `least` to `most`, each order of magnitude as likely as another.
  int64_t Magnitude(int64_t least, int64_t most) {
    const int low = std::bit_width(static_cast<uint64_t>(least));
    const int high = std::bit_width(static_cast<uint64_t>(most));
    const int bits = low + static_cast<int>(Below(static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1));
    const auto value = static_cast<int64_t>((uint64_t{1} << (bits - 1)) | Below(uint64_t{1} << (bits - 1)));
    return value < least ? least : value > most ? most : value;
  }

 private:
  uint64_t state_;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_RANDOM_H_
