#include "lease/dynamodb_process.h"

#include "lease/dynamodb_lease_store.h"
#include "os/file_system.h"
#include "os/per_process.h"

namespace sqlite_efs {
namespace {

constexpr std::string_view kInNames = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
constexpr size_t kShortestName = 3;
constexpr size_t kLongestName = 255;

std::shared_ptr<AwsAccess> Access() {
  static PerProcess<std::shared_ptr<AwsAccess>> access;
  return access.Get(
      [] { return std::make_unique<std::shared_ptr<AwsAccess>>(NewAwsAccess(PosixFileSystem(), SystemClock())); });
}

}  // namespace

std::unique_ptr<LeaseStore> NewDynamoDbLeaseStore(const std::string& table) {
  return std::make_unique<DynamoDbLeaseStore>(std::make_unique<DynamoDb>(Access(), table, SystemClock()),
                                              SystemClock());
}

std::unique_ptr<DynamoDbObserver> NewDynamoDbObserver(const std::string& table) {
  return std::make_unique<DynamoDbObserver>(std::make_unique<DynamoDb>(Access(), table, SystemClock()), SystemClock());
}

std::unique_ptr<FormerLock> NewFormerLock(const std::string& table, const std::string& name) {
  return std::make_unique<FormerLock>(std::make_unique<DynamoDb>(Access(), table, SystemClock()), SystemClock(), name);
}

bool IsDynamoDbTable(std::string_view table) {
  std::string_view name = table;
  if (table.starts_with("arn:")) {
    const size_t before = table.rfind(":table/");
    if (before == table.npos || table.substr(0, before).find_first_not_of(std::string(kInNames) + ":") != table.npos) {
      return false;
    }
    name.remove_prefix(before + std::string_view(":table/").size());
  }
  return name.size() >= kShortestName && name.size() <= kLongestName && name.find_first_not_of(kInNames) == name.npos;
}

}  // namespace sqlite_efs
