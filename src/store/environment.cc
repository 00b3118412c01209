#include "store/environment.h"

#include "lease/dynamodb_process.h"
#include "lease/embedded_lease_store.h"

namespace sqlite_efs {

std::unique_ptr<Lease> NewLease(const Environment& environment, const LeaseOptions& options, const Layout& layout,
                                const Layout& prepared, uint32_t permissions, const std::string& database_id) {
  std::unique_ptr<LeaseStore> store = options.dynamodb_table.empty()
                                          ? environment.new_lease_store(layout, prepared, permissions)
                                          : environment.new_dynamodb_lease_store(options.dynamodb_table);
  std::unique_ptr<Alarm> heartbeat = store->expires() ? environment.new_alarm() : nullptr;
  return std::make_unique<Lease>(std::move(store), environment.clock, std::move(heartbeat), options, database_id,
                                 layout.base());
}

const Environment& SystemEnvironment() {
  static const Environment* const environment = [] {
    auto* const made = new Environment{
        PosixFileSystem(), SystemClock(), &NewThreadAlarm,
        [](const Layout& layout, const Layout& prepared, uint32_t permissions) -> std::unique_ptr<LeaseStore> {
          return std::make_unique<EmbeddedLeaseStore>(PosixFileSystem(), layout.lease(), permissions, prepared.lease());
        }};
    made->new_dynamodb_lease_store = &NewDynamoDbLeaseStore;
    made->new_former_lock = &NewFormerLock;
    return made;
  }();
  return *environment;
}

}  // namespace sqlite_efs
