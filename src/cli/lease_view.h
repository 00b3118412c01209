#ifndef SQLITE_EFS_CLI_LEASE_VIEW_H_
#define SQLITE_EFS_CLI_LEASE_VIEW_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lease/dynamodb_observer.h"
#include "store/layout.h"

namespace sqlite_efs::cli {

// The writer's lease of a live database, seen from outside.
struct LeaseView {
  std::string store;                                // its name; its region is known once it has answered
  std::unique_ptr<DynamoDbObserver> dynamodb = {};  // null: the embedded lease
  std::optional<LeaseRecord> record = {};           // nothing: there is none
  std::optional<DynamoDbItem> item = {};            // that it was read from, in DynamoDB
  Status failure = {};                              // why the table did not tell it

  bool held() const { return record && !record->lock_id.empty(); }
};

// Looks, without taking part: nothing is changed. kInvalid: the settings of the environment are wrong.
Result<LeaseView> LookAtLease(const Layout& layout);

// For programs (docs/cli.md, "status") and for people.
void AddLease(const LeaseView& view, nlohmann::json* lease);
std::string LeaseText(const LeaseView& view);

// "2026-01-02 03:04:05 UTC"
std::string TextOfTime(int64_t ms);

}  // namespace sqlite_efs::cli

#endif  // SQLITE_EFS_CLI_LEASE_VIEW_H_
