#include "vfs/event_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/events.h"
#include "os/watch.h"
#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

class EventLogTest : public ::testing::Test {
 protected:
  ~EventLogTest() override { SetEventLog(nullptr); }
  testing::TempDirectory directory_;
};

TEST_F(EventLogTest, Is_a_json_object_a_line_and_grows) {
  const std::string path = directory_.path() + "/events";
  Watch watch("/db");
  watch.SetDatabaseId("0123");
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(OpenEventLog(path).ok());
    watch.Tell(SystemClock(), "seal", {{"segment", i}});
  }
  SetEventLog(nullptr);
  watch.Tell(SystemClock(), "seal", {{"segment", 2}});
  std::ifstream file(path);
  std::string line;
  int lines = 0;
  for (; std::getline(file, line); lines++) {
    const nlohmann::json event = nlohmann::json::parse(line);
    EXPECT_EQ(event["event"], "seal");
    EXPECT_EQ(event["database"], "0123");
    EXPECT_EQ(event["segment"], lines);
  }
  EXPECT_EQ(lines, 2);
}

TEST_F(EventLogTest, One_that_cannot_be_written_names_the_variable_and_the_file) {
  const std::string path = directory_.path() + "/missing/events";
  const Status status = OpenEventLog(path);
  EXPECT_TRUE(status.Is(StatusCode::kCantOpen));
  EXPECT_NE(status.message().find("SQLITE_EFS_LOG"), std::string::npos);
  EXPECT_NE(status.message().find(path), std::string::npos);
  EXPECT_FALSE(EventsAreWanted(EventKind::kRoutine));
}

}  // namespace
}  // namespace sqlite_efs
