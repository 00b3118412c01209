#include "base/metrics.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <set>
#include <string>

namespace sqlite_efs {
namespace {

using std::chrono::microseconds;

TEST(MetricsTest, Each_has_a_name_of_its_own_and_a_few_words) {
  std::set<std::string> names;
  const auto check = [&](const MetricName& metric) {
    ASSERT_NE(metric.name, nullptr);
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_NE(std::string(metric.help), "");
  };
  for (const MetricName& metric : kCountNames) check(metric);
  for (const MetricName& metric : kTimeNames) {
    check(metric);
    EXPECT_TRUE(std::string(metric.name).ends_with("_us")) << metric.name;
  }
  // The tables are in the order of the enumerations.
  EXPECT_EQ(std::string(kCountNames[static_cast<size_t>(Count::kConflicts)].name), "conflicts");
  EXPECT_EQ(std::string(kCountNames[static_cast<size_t>(Count::kBytesWritten)].name), "bytes_written");
  EXPECT_EQ(std::string(kTimeNames[static_cast<size_t>(Time::kMerge)].name), "merge_us");
}

TEST(MetricsTest, The_total_has_what_is_counted_of_databases_and_outside_of_them) {
  const MetricValues before = AllMetrics().total;
  const DatabaseMetrics one("/one");
  DatabaseMetrics two("/two");
  two.Add(Count::kCommits, 2);
  two.Record(Time::kCommit, microseconds(10));
  ProcessMetrics().Add(Count::kFileLooks);
  const ProcessValues all = AllMetrics();
  EXPECT_EQ(all.total.Of(Count::kCommits), before.Of(Count::kCommits) + 2);
  EXPECT_EQ(all.total.Of(Count::kFileLooks), before.Of(Count::kFileLooks) + 1);
  EXPECT_EQ(all.total.Of(Time::kCommit).count(), before.Of(Time::kCommit).count() + 1);
  EXPECT_EQ(all.databases.at("/one").Of(Count::kCommits), 0U);
  EXPECT_EQ(all.databases.at("/two").Of(Count::kCommits), 2U);
}

TEST(MetricsTest, Two_objects_of_one_database_are_told_as_one) {
  DatabaseMetrics one("/same");
  DatabaseMetrics two("/same");
  one.Add(Count::kSeals);
  two.Add(Count::kSeals);
  EXPECT_EQ(AllMetrics().databases.at("/same").Of(Count::kSeals), 2U);
}

TEST(MetricsTest, What_a_closed_database_has_counted_stays_in_the_total) {
  auto metrics = std::make_unique<DatabaseMetrics>("/closed");
  metrics->Add(Count::kUpgrades, 3);
  const uint64_t before = AllMetrics().total.Of(Count::kUpgrades);
  metrics.reset();
  EXPECT_EQ(AllMetrics().total.Of(Count::kUpgrades), before);
  EXPECT_FALSE(AllMetrics().databases.contains("/closed"));
}

TEST(MetricsTest, A_child_of_fork_begins_at_zero) {
  std::optional<DatabaseMetrics> parents("/parents");
  parents->Add(Count::kCommits, 5);
  ProcessMetrics().Add(Count::kFileReads, 5);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool right = AllMetrics().databases.empty() && AllMetrics().total.Of(Count::kCommits) == 0;
    right = right && AllMetrics().total.Of(Count::kFileReads) == 0;
    parents.reset();
    right = right && AllMetrics().total.Of(Count::kCommits) == 0;
    const DatabaseMetrics own("/own");
    right = right && AllMetrics().databases.size() == 1;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(AllMetrics().databases.at("/parents").Of(Count::kCommits), 5U);
}

}  // namespace
}  // namespace sqlite_efs
