#ifndef SQLITE_EFS_LEASE_DYNAMODB_ITEM_H_
#define SQLITE_EFS_LEASE_DYNAMODB_ITEM_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "lease/lease_queue.h"
#include "lease/lease_record.h"

namespace sqlite_efs {

// Attributes by name; each value as DynamoDB's JSON has it: {"S":"text"}, {"N":"1"} ...
using DynamoDbAttributes = std::map<std::string, std::string>;

// What a table keeps of one database (docs/protocol.md, "The lease", lists the attributes). lock_id is absent once
// released.
struct DynamoDbItem {
  DynamoDbAttributes attributes;  // all there are, also those of other programs
  LeaseRecord record;             // what they say, as far as it is understood
  std::string past;               // lock_ids of the last tenures that were released, each with a space on both sides
  LeaseQueue queue;

  // Replaces the queue, and nothing else.
  void SetQueue(const LeaseQueue& changed);
};

// Of a record that is held.
DynamoDbItem HeldItem(const LeaseRecord& record, const LeaseQueue& queue);
// Of a tenure that has ended. `past`: of those before it.
DynamoDbItem ReleasedItem(const LeaseRecord& mine, const std::optional<CleanRelease>& clean, const std::string& past,
                          const LeaseQueue& queue);

// lock_id in `past`, and `past` with lock_id at its front and what is oldest left out.
std::string InPast(const std::string& lock_id);
std::string AddToPast(const std::string& lock_id, const std::string& past);

// Attributes as one JSON object.
std::string FormatAttributes(const DynamoDbAttributes& attributes);
// The value of a text (AppendQuoted()), and of a whole number.
std::string TextValue(std::string_view text);
std::string NumberValue(int64_t number);
std::string NumberValue(uint64_t number);

// The same at the end of `text`.
void AppendAttributes(const DynamoDbAttributes& attributes, std::string* text);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_DYNAMODB_ITEM_H_
