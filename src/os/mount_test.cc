#include "os/mount.h"

#include <gtest/gtest.h>

namespace sqlite_efs {
namespace {

constexpr char kMountInfo[] =
    "26 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro\n"
    "31 26 0:27 / /mnt/with\\040blank\\134 rw,noatime shared:7 master:2 - nfs4 10.0.0.1:/a\\040b "
    "rw,vers=4.1,hard,local_lock=none\n"
    "32 26 0:28 / /mnt/ro ro - nfs4 fs:/ rw,vers=4.2\n"
    "33 26 0:29 / /mnt/broken rw - nfs4\n";

TEST(Mount, Is_found_by_its_number_with_the_options_of_mount_and_file_system) {
  const std::optional<Mount> mount = FindMount(kMountInfo, 31);
  ASSERT_TRUE(mount.has_value());
  EXPECT_EQ(mount->type, "nfs4");
  EXPECT_EQ(mount->source, "10.0.0.1:/a b");
  EXPECT_EQ(mount->point, "/mnt/with blank\\");
  EXPECT_EQ(mount->Value("vers"), "4.1");
  EXPECT_EQ(mount->Value("ver"), std::nullopt);
  EXPECT_EQ(mount->Value("hard"), std::nullopt);
  EXPECT_TRUE(mount->Has("hard"));
  EXPECT_TRUE(mount->Has("noatime"));
  EXPECT_FALSE(mount->Has("nocto"));
}

TEST(Mount, Is_found_by_its_device) {
  const std::optional<Mount> mount = FindMountOfDevice(kMountInfo, "0:28");
  ASSERT_TRUE(mount.has_value());
  EXPECT_EQ(mount->point, "/mnt/ro");
  EXPECT_TRUE(mount->IsNfs());
  EXPECT_FALSE(FindMountOfDevice(kMountInfo, "254:0")->IsNfs());
  EXPECT_FALSE(FindMountOfDevice(kMountInfo, "0:2").has_value());
}

TEST(Mount, A_mount_may_be_read_only_where_its_file_system_is_not) {
  EXPECT_TRUE(FindMount(kMountInfo, 32)->Has("ro"));
  EXPECT_FALSE(FindMount(kMountInfo, 26)->Has("ro"));
}

TEST(Mount, What_is_not_there_or_not_whole_is_not_found) {
  EXPECT_FALSE(FindMount(kMountInfo, 3).has_value());
  EXPECT_FALSE(FindMount(kMountInfo, 33).has_value());
  EXPECT_FALSE(FindMount("", 1).has_value());
}

TEST(Mount, Of_this_machine) {
  const Result<Mount> mount = MountOf("/proc/self");
  ASSERT_TRUE(mount.ok()) << mount.status().message();
  EXPECT_EQ(mount->type, "proc");
  EXPECT_TRUE(MountOf("/proc/no/such/path").status().Is(StatusCode::kNotFound));
}

}  // namespace
}  // namespace sqlite_efs
