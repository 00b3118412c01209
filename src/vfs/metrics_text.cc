#include "vfs/metrics_text.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>

#include "base/utc.h"
#include "lease/lease_text.h"
#include "os/per_process.h"

namespace sqlite_efs {
namespace {

using nlohmann::json;

constexpr size_t kFirstOfProcess = static_cast<size_t>(Count::kFileOpens);  // and all after it
constexpr double kMicrosecondsPerSecond = 1e6;

std::string BoundText(size_t bucket) {
  return bucket + 1 == kHistogramBuckets ? "+Inf" : std::to_string(BucketBound_us(bucket));
}

std::string NumberText(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

// Asked for once: the answer takes longer than all else of an event.
const std::string& ThisProcess() {
  static PerProcess<std::string> described;
  return described.Get([] { return std::make_unique<std::string>(DescribeThisProcess()); });
}

// "commit_us" -> "commit_seconds": Prometheus wants base units.
std::string InSeconds(const std::string& name) { return name.substr(0, name.rfind("_us")) + "_seconds"; }

}  // namespace

json CountersJson(const MetricValues& values, CountersOf whose) {
  json counters = json::object();
  const size_t end = whose == CountersOf::kProcess ? kCounts : kFirstOfProcess;
  for (size_t i = 0; i < end; i++) counters[kCountNames[i].name] = values.counts[i];
  return counters;
}

json HistogramsJson(const MetricValues& values) {
  json histograms = json::object();
  for (size_t i = 0; i < kTimes; i++) {
    const HistogramValues& time = values.times[i];
    json buckets = json::object();
    for (size_t bucket = 0; bucket < kHistogramBuckets; bucket++) {
      if (time.buckets[bucket] != 0) buckets[BoundText(bucket)] = time.buckets[bucket];
    }
    histograms[kTimeNames[i].name] = {{"count", time.count()}, {"sum", time.sum_us}, {"buckets", buckets}};
  }
  return histograms;
}

json ProcessJson(const ProcessValues& values) {
  json databases = json::object();
  for (const auto& [path, of_one] : values.databases) {
    databases[path] = {{"counters", CountersJson(of_one)}, {"histograms", HistogramsJson(of_one)}};
  }
  return {{"pid", ::getpid()},
          {"counters", CountersJson(values.total, CountersOf::kProcess)},
          {"histograms", HistogramsJson(values.total)},
          {"databases", databases}};
}

json EventJson(const Event& event) {
  const std::string milliseconds = std::to_string(1000 + event.time_ms % 1000).substr(1);
  json object = {{"time", UtcText(event.time_ms / 1000, "%Y-%m-%dT%H:%M:%S.") + milliseconds + "Z"},
                 {"process", ThisProcess()},
                 {"pid", ::getpid()},
                 {"database", event.database_id.empty() ? json() : json(event.database_id)},
                 {"event", event.name}};
  for (const Figure& figure : event.figures) {
    if (figure.name != nullptr) object[figure.name] = figure.value;
  }
  return object;
}

std::string JsonLine(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string PrometheusText::Label(const std::string& name, const std::string& value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return name + "=\"" + escaped + "\"";
}

void PrometheusText::Head(const std::string& name, const std::string& help, const char* type) {
  text_ += "# HELP sqlite_efs_" + name + " " + help + "\n# TYPE sqlite_efs_" + name + " " + type + "\n";
}

void PrometheusText::Line(const std::string& name, const std::string& labels, double value) {
  text_ += "sqlite_efs_" + name + (labels.empty() ? "" : "{" + labels + "}") + " " + NumberText(value) + "\n";
}

void PrometheusText::Add(Kind kind, const std::string& name, const std::string& help, double value,
                         const std::string& labels) {
  Head(name, help, kind == Kind::kCounter ? "counter" : "gauge");
  Line(name, labels, value);
}

void PrometheusText::Add(const std::string& name, const std::string& help, const HistogramValues& values) {
  Head(name, help, "histogram");
  uint64_t count = 0;
  for (size_t i = 0; i < kHistogramBuckets; i++) {
    count += values.buckets[i];
    const bool last = i + 1 == kHistogramBuckets;
    const std::string bound = last ? "+Inf" : NumberText(double(BucketBound_us(i)) / kMicrosecondsPerSecond);
    Line(name + "_bucket", Label("le", bound), static_cast<double>(count));
  }
  Line(name + "_sum", "", double(values.sum_us) / kMicrosecondsPerSecond);
  Line(name + "_count", "", static_cast<double>(count));
}

std::string ProcessPrometheus(const ProcessValues& values) {
  PrometheusText text;
  for (size_t i = 0; i < kCounts; i++) {
    text.Add(PrometheusText::Kind::kCounter, std::string(kCountNames[i].name) + "_total", kCountNames[i].help,
             static_cast<double>(values.total.counts[i]));
  }
  for (size_t i = 0; i < kTimes; i++) {
    text.Add(InSeconds(kTimeNames[i].name), kTimeNames[i].help, values.total.times[i]);
  }
  return text.text();
}

}  // namespace sqlite_efs
