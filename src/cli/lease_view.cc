#include "cli/lease_view.h"

#include "base/utc.h"
#include "lease/dynamodb_process.h"
#include "lease/embedded_lease_store.h"
#include "os/file_system.h"
#include "vfs/settings.h"

namespace sqlite_efs::cli {
namespace {

using nlohmann::json;

constexpr Duration kLongestLook = std::chrono::seconds(5);

}  // namespace

Result<LeaseView> LookAtLease(const Layout& layout) {
  EFS_ASSIGN_OR_RETURN(const Settings settings, ParseSettings({}, &ReadEnvironment));
  LeaseView view;
  if (settings.lock_dynamodb_table.empty()) {
    view.store = EmbeddedLeaseStore::kName;
    view.record = EmbeddedLeaseStore::Peek(PosixFileSystem(), layout.lease());
    return view;
  }
  EFS_ASSIGN_OR_RETURN(const std::string id, ReadDatabaseId(PosixFileSystem(), layout));
  view.dynamodb = NewDynamoDbObserver(settings.lock_dynamodb_table);
  Result<std::optional<DynamoDbItem>> item = view.dynamodb->Look(id, kLongestLook);
  view.store = view.dynamodb->name();
  view.failure = item.status();
  if (item.ok()) view.item = std::move(*item);
  if (view.item) view.record = view.item->record;
  return view;
}

void AddLease(const LeaseView& view, json* lease) {
  const bool ever = view.record && view.record->since_ms != 0;  // 0: as `attach` leaves it
  const bool expires = view.held() && view.record->expires_at_ms != 0;
  (*lease)["store"] = view.store;
  (*lease)["holder"] = view.held() ? json(view.record->holder) : json();
  (*lease)["last_holder"] = ever ? json(view.record->holder) : json();
  (*lease)["since_ms"] = ever ? json(view.record->since_ms) : json();
  (*lease)["until_ms"] = expires ? json(view.record->expires_at_ms) : json();
  (*lease)["waiting"] = view.item ? json(view.item->queue.size()) : json();
  (*lease)["released"] = json();
  (*lease)["error"] = view.failure.ok() ? json() : json(view.failure.message());
  if (!view.record || !view.record->released) return;
  (*lease)["released"] = {{"segment", view.record->released->segment}, {"frames", view.record->released->frames}};
}

std::string LeaseText(const LeaseView& view) {
  if (!view.failure.ok()) return "not known: " + view.failure.message();
  if (!view.record || (view.record->since_ms == 0 && !view.held())) return "never taken";
  const LeaseRecord& record = *view.record;
  const std::string since = TextOfTime(record.since_ms);
  const size_t waiting = view.item ? view.item->queue.size() : 0;
  const std::string queue = waiting == 0 ? "" : "; waiting for it: " + std::to_string(waiting);
  if (!view.held()) {
    const std::string end = record.released ? "given back in segment " + std::to_string(record.released->segment)
                                            : "given back without a promise";
    return "free, last held by " + record.holder + " on " + since + ", " + end + queue;
  }
  // Another program's record may name nobody.
  const std::string who = "held by " + (record.holder.empty() ? record.lock_id : record.holder) + " since " + since;
  if (record.expires_at_ms == 0) return who + ", unless that has died";
  return who + ", until " + TextOfTime(record.expires_at_ms) + " unless that is renewed" + queue;
}

std::string TextOfTime(int64_t ms) { return UtcText(ms / 1000, "%Y-%m-%d %H:%M:%S UTC"); }

}  // namespace sqlite_efs::cli
