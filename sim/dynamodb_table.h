#ifndef SQLITE_EFS_SIM_DYNAMODB_TABLE_H_
#define SQLITE_EFS_SIM_DYNAMODB_TABLE_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/http_client.h"

namespace sqlite_efs::sim {

// The members of a JSON object, as their texts; the object must be a whole one.
using JsonMembers = std::vector<std::pair<std::string_view, std::string_view>>;

// A table of DynamoDB with the key pk: PutItem and DeleteItem with the conditions that the lease store sends. It does
// not check what it is sent (src/testing/dynamodb_table.h does); a history asks it hundreds of times.
class DynamoDbTable {
 public:
  HttpResponse Serve(const HttpRequest& request);

  uint64_t takeovers = 0;  // changes that gave the lease of one holder to another

 private:
  struct Item {
    std::string text;  // JSON; empty: there is none
    JsonMembers attributes;
  };
  std::map<std::string, Item, std::less<>> items_;  // by pk
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_DYNAMODB_TABLE_H_
