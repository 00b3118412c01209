#include "store/environment.h"

#include "lease/embedded_lease_store.h"

namespace sqlite_efs {

const Environment& SystemEnvironment() {
  static const auto* environment = new Environment{
      PosixFileSystem(), SystemClock(), &NewThreadAlarm,
      [](const Layout& layout, const Layout& prepared, uint32_t permissions) -> std::unique_ptr<LeaseStore> {
        return std::make_unique<EmbeddedLeaseStore>(PosixFileSystem(), layout.lease(), permissions, prepared.lease());
      }};
  return *environment;
}

}  // namespace sqlite_efs
