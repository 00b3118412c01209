#include "vfs/metrics_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace sqlite_efs {
namespace {

using nlohmann::json;

MetricValues SomeValues() {
  Metrics metrics;
  metrics.Add(Count::kCommits, 3);
  metrics.Add(Count::kFileReads, 4);
  metrics.Record(Time::kCommit, std::chrono::microseconds(900));
  metrics.Record(Time::kCommit, std::chrono::microseconds(1000));
  metrics.Record(Time::kCommit, std::chrono::hours(1));
  return metrics.values();
}

bool HasLine(const std::string& text, const std::string& line) {
  return text.starts_with(line + "\n") || text.find("\n" + line + "\n") != std::string::npos;
}

TEST(MetricsTextTest, Json_has_counters_and_the_buckets_that_are_not_empty) {
  ProcessValues values;
  values.total = SomeValues();
  values.databases["/a/db"] = SomeValues();
  const json process = ProcessJson(values);
  EXPECT_EQ(process["pid"], ::getpid());
  EXPECT_EQ(process["counters"]["commits"], 3);
  EXPECT_EQ(process["counters"]["conflicts"], 0);
  EXPECT_EQ(process["counters"]["file_reads"], 4);
  const json expected = {
      {"count", 3}, {"sum", uint64_t{3600} * 1'000'000 + 1900}, {"buckets", {{"1024", 2}, {"+Inf", 1}}}};
  EXPECT_EQ(process["histograms"]["commit_us"], expected);
  EXPECT_EQ(process["databases"]["/a/db"]["counters"]["commits"], 3);
  EXPECT_FALSE(process["databases"]["/a/db"]["counters"].contains("file_reads")) << "files are the process's";
}

TEST(MetricsTextTest, Prometheus_has_cumulative_buckets_in_seconds) {
  ProcessValues values;
  values.total = SomeValues();
  const std::string text = ProcessPrometheus(values);
  EXPECT_TRUE(HasLine(text, "# TYPE sqlite_efs_commits_total counter"));
  EXPECT_TRUE(HasLine(text, "sqlite_efs_commits_total 3"));
  EXPECT_TRUE(HasLine(text, "# TYPE sqlite_efs_commit_seconds histogram"));
  EXPECT_TRUE(HasLine(text, "sqlite_efs_commit_seconds_bucket{le=\"0.000512\"} 0"));
  EXPECT_TRUE(HasLine(text, "sqlite_efs_commit_seconds_bucket{le=\"0.001024\"} 2"));
  EXPECT_TRUE(HasLine(text, "sqlite_efs_commit_seconds_bucket{le=\"67.108864\"} 2"));
  EXPECT_TRUE(HasLine(text, "sqlite_efs_commit_seconds_bucket{le=\"+Inf\"} 3"));
  EXPECT_TRUE(HasLine(text, "sqlite_efs_commit_seconds_count 3"));
  EXPECT_TRUE(HasLine(text, "sqlite_efs_commit_seconds_sum 3600.0019"));
}

TEST(MetricsTextTest, Labels_are_escaped) {
  EXPECT_EQ(PrometheusText::Label("path", "/a\"b\\c\nd"), "path=\"/a\\\"b\\\\c\\nd\"");
}

TEST(MetricsTextTest, An_event_is_its_time_its_place_and_its_figures) {
  Event event;
  event.name = "seal";
  event.time_ms = 1'767'323'045'007;
  event.figures[0] = {"segment", 12};
  json object = EventJson(event);
  EXPECT_EQ(object["time"], "2026-01-02T03:04:05.007Z");
  EXPECT_EQ(object["pid"], ::getpid());
  EXPECT_EQ(object["database"], json());
  EXPECT_EQ(object["event"], "seal");
  EXPECT_EQ(object["segment"], 12);
  EXPECT_EQ(object.size(), 6U);
  event.database_id = "0123";
  EXPECT_EQ(EventJson(event)["database"], "0123");
}

}  // namespace
}  // namespace sqlite_efs
