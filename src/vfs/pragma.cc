#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "lease/dynamodb_process.h"
#include "lease/embedded_lease_store.h"
#include "vfs/connection.h"
#include "vfs/errors.h"
#include "vfs/metrics_text.h"

namespace sqlite_efs {
namespace {

using nlohmann::json;

// A program that begins waits no longer for a service that its reads do not need.
constexpr Duration kLongestPreparation = std::chrono::seconds(2);

int Answer(char** arguments, const std::string& text) {
  arguments[0] = sqlite3_mprintf("%s", text.c_str());
  return arguments[0] == nullptr ? SQLITE_NOMEM : SQLITE_OK;
}

std::string Hexadecimal(uint64_t value) {
  std::array<char, 17> text;
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

}  // namespace

// SQLITE_FCNTL_PRAGMA: arguments are the answer, the pragma's name, and its value or null.
int Connection::Pragma(char** arguments) {
  const char* const name = arguments[1];
  const char* const value = arguments[2];
  if (sqlite3_stricmp(name, "journal_mode") == 0) return Answer(arguments, "wal");
  if (sqlite3_stricmp(name, "locking_mode") == 0) return Answer(arguments, "normal");
  if (sqlite3_stricmp(name, "mmap_size") == 0) return Answer(arguments, "0");
  if (sqlite3_stricmp(name, "efs_status") == 0) return Answer(arguments, StatusJson());
  if (sqlite3_stricmp(name, "efs_prepare") == 0) return Prepare(arguments);
  if (sqlite3_stricmp(name, "wal_autocheckpoint") == 0) return Autocheckpoint(arguments);
  if (sqlite3_stricmp(name, "wal_checkpoint") == 0) return Checkpoint();
  if (sqlite3_stricmp(name, "page_size") != 0 || value == nullptr) return SQLITE_NOTFOUND;
  const std::shared_ptr<LiveDatabase> live = database_->live();
  const long wanted = std::strtol(value, nullptr, 0);
  if (!live || wanted <= 0 || !IsPageSize(static_cast<uint64_t>(wanted)) || wanted == live->page_size()) {
    return SQLITE_NOTFOUND;
  }
  const std::string message = PageSizeIsFixed(database_->path(), live->page_size());
  arguments[0] = sqlite3_mprintf("%s", message.c_str());
  return Report(Status::Invalid(message), SQLITE_ERROR);
}

// What a process waits for once and not again: libraries, credentials, a connection with its handshake. The request
// shows the lease and does not take it.
int Connection::Prepare(char** arguments) {
  const std::shared_ptr<LiveDatabase> live = database_->live();
  if (live && writable_.ok() && !settings_.lock_dynamodb_table.empty()) {
    const Result<std::string> id = live->Id();
    if (!id.ok()) return Report(id.status());
    const Duration limit = std::min(settings_.timeout, kLongestPreparation);
    const Status looked = NewDynamoDbObserver(settings_.lock_dynamodb_table)->Look(*id, limit).status();
    if (!looked.ok()) {
      return Report(
          Status(looked.code(), "the lease of " + database_->path() + " is not to be had: " + looked.message()));
    }
  }
  return Answer(arguments, "ready");
}

// Stock SQLite takes 0 and negative numbers for "off" and what is no number for 0.
int Connection::Autocheckpoint(char** arguments) {
  if (arguments[2] != nullptr) {
    const long frames = std::strtol(arguments[2], nullptr, 0);
    database_->autocheckpoint_frames = static_cast<uint32_t>(std::clamp<long>(frames, 0, kMaxAutocheckpoint_frames));
  }
  return Answer(arguments, std::to_string(database_->autocheckpoint_frames));
}

// After it SQLite answers the pragma itself, with the row that it has for a database without a WAL of its own.
int Connection::Checkpoint() {
  if (writer_) return Report(Status::Busy("PRAGMA wal_checkpoint cannot be run inside a write transaction"));
  if (!writable_.ok()) return Report(writable_);
  const Result<CheckpointReport> report = database_->Checkpoint(owner_, settings_.timeout, nullptr);
  return report.ok() ? SQLITE_NOTFOUND : Report(report.status());
}

std::string Connection::StatusJson() {
  const std::shared_ptr<LiveDatabase> live = database_->live();
  json status = {{"version", SQLITE_EFS_VERSION},
                 {"path", database_->path()},
                 {"state", live ? "live" : "new"},
                 {"read_only", !writable_.ok()},
                 {"freshness", NameOf(settings_.freshness)},
                 {"last_error", LastErrorOfProcess()}};
  const MetricValues metrics = database_->metrics().values();
  if (live) {
    const LogPosition newest = live->log().newest();
    const LogPosition seen = level_ == SQLITE_LOCK_NONE ? newest : snapshot_.position();
    const std::shared_ptr<Segment> segment = live->log().live();
    const Result<FileAttributes> attributes = segment->Look();
    const MergeCounters merges = live->merger().counters();
    const Result<std::string> id = live->Id();
    status["database_id"] = id.ok() ? json(*id) : json();
    status["page_size"] = live->page_size();
    status["page_count"] = newest.page_count;
    status["segment"] = {{"number", segment->number().value},
                         {"first", live->log().first_segment().value},
                         {"frames", newest.frames.value},
                         {"bytes", attributes.ok() ? json(attributes->size) : json()},
                         {"changed_ms", attributes.ok() ? json(attributes->mtime_ns / 1'000'000) : json()},
                         {"salt", Hexadecimal(segment->header().salts())}};
    status["snapshot"] = {{"segment", seen.segment.value},
                          {"frames", seen.frames.value},
                          {"age_frames", live->log().FramesBetween(seen, newest)}};
    status["lease"] = {
        {"store", live->lease_store()}, {"held", live->holds_lease()}, {"by_this_connection", writer_ != nullptr}};
    status["merge"] = {{"autocheckpoint_frames", database_->autocheckpoint_frames.load()},
                       {"obstacle", merges.obstacle}};
    status["cache"] = {{"capacity_bytes", live->cache().capacity_bytes()},
                       {"bytes", live->cache().size_bytes()},
                       {"hits", metrics.Of(Count::kCacheHits)},
                       {"misses", metrics.Of(Count::kCacheMisses)}};
  }
  status["counters"] = CountersJson(metrics);
  status["histograms"] = HistogramsJson(metrics);
  return JsonLine(status);
}

}  // namespace sqlite_efs
