#ifndef SQLITE_EFS_VFS_METRICS_TEXT_H_
#define SQLITE_EFS_VFS_METRICS_TEXT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/events.h"
#include "base/metrics.h"

namespace sqlite_efs {

// {"commits": 3, ...}. Those of one database are without what is counted for the process only.
enum class CountersOf { kDatabase, kProcess };
nlohmann::json CountersJson(const MetricValues& values, CountersOf whose = CountersOf::kDatabase);

// {"commit_us": {"count": 3, "sum": 4711, "buckets": {"1024": 1, "2048": 2}}, ...}: buckets that are not empty, by the
// largest duration of each, "+Inf" for the last; each counts what those before it do not.
nlohmann::json HistogramsJson(const MetricValues& values);

// {"pid": ..., "counters": ..., "histograms": ..., "databases": {PATH: {"counters": ..., "histograms": ...}}}
nlohmann::json ProcessJson(const ProcessValues& values);

// {"time": "2026-01-02T03:04:05.678Z", "process": ..., "pid": ..., "database": ID or null, "event": ..., figures ...}
nlohmann::json EventJson(const Event& event);

// A document in Prometheus's text format, https://prometheus.io/docs/instrumenting/exposition_formats/, as it grows.
class PrometheusText {
 public:
  enum class Kind { kCounter, kGauge };

  // The metric sqlite_efs_NAME. `labels`, if any: name="value", as Label() makes them, separated by commas.
  void Add(Kind kind, const std::string& name, const std::string& help, double value, const std::string& labels = "");
  // The histogram sqlite_efs_NAME, in seconds.
  void Add(const std::string& name, const std::string& help, const HistogramValues& values);

  const std::string& text() const { return text_; }

  static std::string Label(const std::string& name, const std::string& value);

 private:
  void Head(const std::string& name, const std::string& help, const char* type);
  void Line(const std::string& name, const std::string& labels, double value);

  std::string text_;
};

std::string ProcessPrometheus(const ProcessValues& values);

// An object in one line, without its end; what is no UTF-8 in it is replaced.
std::string JsonLine(const nlohmann::json& object);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_VFS_METRICS_TEXT_H_
