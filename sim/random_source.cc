// The product's source of randomness, in place of base/random.cc: what it draws, the history's seed decides.
#include "base/random.h"
#include "sim/world.h"

namespace sqlite_efs {

void FillRandom(std::span<uint8_t> out) {
  static sim::Random outside;  // of every history
  sim::World* const world = sim::World::Present();
  sim::Random& random = world == nullptr ? outside : world->random;
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random.Next());
}

}  // namespace sqlite_efs
