#include "cli/status_prometheus.h"

#include "os/file_system.h"
#include "vfs/metrics_text.h"

namespace sqlite_efs::cli {
namespace {

using nlohmann::json;

// All the gauges of one database.
class Gauges {
 public:
  explicit Gauges(const std::string& path) : label_(PrometheusText::Label("path", path)) {}

  void Add(const std::string& name, const std::string& help, double value) {
    text_.Add(PrometheusText::Kind::kGauge, name, help, value, label_);
  }
  // A time in milliseconds since 1970; null: there is none.
  void AddTime(const std::string& name, const std::string& help, const json& time_ms) {
    if (!time_ms.is_null()) Add(name + "_timestamp_seconds", help, time_ms.get<double>() / 1000);
  }

  const std::string& text() const { return text_.text(); }

 private:
  const std::string label_;
  PrometheusText text_;
};

void AddLog(const json& status, Gauges* gauges) {
  uint64_t frames = 0;
  uint64_t bytes = 0;
  for (const json& segment : status["segments"]) {
    frames += segment["frames"].get<uint64_t>();
    bytes += segment["bytes"].get<uint64_t>();
  }
  gauges->Add("log_segments", "Segments of the log", static_cast<double>(status["segments"].size()));
  gauges->Add("log_frames", "Frames in the log that are committed", static_cast<double>(frames));
  gauges->Add("log_bytes", "Size of the log's files, part of it allocated ahead", static_cast<double>(bytes));
  gauges->AddTime("last_commit", "The last commit, or the beginning of the last segment, by the file server's clock",
                  status["segment"]["changed_ms"]);
}

void AddLease(const json& lease, Gauges* gauges) {
  const bool known = lease["error"].is_null();
  gauges->Add("lease_known", "Whether the lease could be looked at", known ? 1 : 0);
  if (!known) return;
  const bool held = !lease["holder"].is_null();
  gauges->Add("lease_held", "Whether the lease's record names a holder, who may have died", held ? 1 : 0);
  gauges->AddTime("lease_taken", "When the lease was taken last, by its holder's clock", lease["since_ms"]);
  gauges->AddTime("lease_expiry", "When the lease expires unless it is renewed", lease["until_ms"]);
  if (!lease["waiting"].is_null())
    gauges->Add("lease_waiting", "Who wait for the lease", lease["waiting"].get<double>());
}

}  // namespace

Result<std::string> StatusPrometheus(const json& status) {
  const std::string path = status["path"].get<std::string>();
  const bool live = status["state"] == "live";
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, PosixFileSystem().Stat(path));
  Gauges gauges(path);
  gauges.Add("live", "Whether the database is live", live ? 1 : 0);
  gauges.Add("file_bytes", "Size of the database file, without the log", static_cast<double>(file.size));
  gauges.Add("pages", "Pages of the database, those in the log included", status["page_count"].get<double>());
  if (status.contains("page_size")) {
    gauges.Add("page_size_bytes", "Size of a page", status["page_size"].get<double>());
  }
  if (live) {
    AddLog(status, &gauges);
    AddLease(status["lease"], &gauges);
  }
  return gauges.text();
}

}  // namespace sqlite_efs::cli
