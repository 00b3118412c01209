// What DynamoDB replies: an item, or an error. The first byte says with which HTTP status.
#include "lease/dynamodb_reply.h"
#include "aws/dynamodb_error.h"
#include "input.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

namespace {

constexpr size_t kMaxPast_bytes = 2048;  // beside the name that is added

DynamoDbItem Reread(const DynamoDbItem& item) {
  const auto again = ParseReply("{\"Item\":" + FormatAttributes(item.attributes) + "}", "Item");
  Require(again.ok() && again->has_value(), "an item that was understood can be sent back");
  return **again;
}

void RequireQueue(const LeaseQueue& queue) {
  Require(LeaseQueue::Parse(queue.Format()) == queue, "a queue is read as it was made");
  Require(queue.Ahead("a newcomer with a name") <= LeaseQueue::kMaxWaiters, "a queue is bounded");
}

// What a waiter, a holder and its successor do with the item.
void RequireUsable(const DynamoDbItem& item) {
  const DynamoDbItem same = Reread(item);
  Require(same.attributes == item.attributes, "what is not understood is kept");
  Require(same.record == item.record && same.past == item.past && same.queue == item.queue, "it says the same again");
  RequireQueue(item.queue);

  DynamoDbItem longer = item;
  LeaseQueue queue = item.queue;
  if (!queue.full() && !queue.Has("ticket")) queue.Append("ticket");
  longer.SetQueue(queue);
  const DynamoDbItem reread = Reread(longer);
  Require(reread.queue == queue, "a ticket arrives");
  Require(reread.record == item.record, "a ticket changes nothing else");
  queue.Serve("ticket");
  RequireQueue(queue);

  LeaseRecord mine;
  mine.lock_id = "process/1";
  const DynamoDbItem released = Reread(ReleasedItem(mine, CleanRelease{1, 2, 3, "store"}, item.past, queue));
  Require(released.past.starts_with(InPast(mine.lock_id)) && released.past.size() <= kMaxPast_bytes, "the past");
  Require(released.record.lock_id.empty() && released.record.released.has_value(), "a release arrives");
}

void RequireError(int status, std::string_view body) {
  const DynamoDbError error = ParseDynamoDbError(status, body);
  const Status explained = Explain(error, status, {"PutItem", "table", "region", "https://endpoint/"});
  Require(explained.ok() == (error.fault == DynamoDbFault::kConditionFailed), "an error is one");
  Require(explained.message().size() < 1000, "it is one sentence");
  Require(error.fault != DynamoDbFault::kTransient || explained.Is(StatusCode::kUnavailable), "it may be tried again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const int status = 200 + 2 * input.Take<uint8_t>();
  const std::string_view body = input.TakeRest();
  for (const char* member : {"Item", "Attributes"}) {
    const auto item = ParseReply(body, member);
    if (item.ok() && item->has_value()) RequireUsable(**item);
  }
  RequireQueue(LeaseQueue::Parse(body));
  RequireError(status, body);
  return 0;
}
