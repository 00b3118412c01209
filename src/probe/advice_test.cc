#include "probe/advice.h"

#include <gtest/gtest.h>

namespace sqlite_efs::probe {
namespace {

using Kind = Advice::Kind;

Mount Nfs(const std::string& type, const std::vector<std::string>& options) { return {type, "fs:/", "/mnt", options}; }

std::vector<Kind> Kinds(const Mount& mount) {
  std::vector<Kind> kinds;
  for (const Advice& advice : AdviceOn(mount)) kinds.push_back(advice.kind);
  return kinds;
}

TEST(Advice, What_Amazon_recommends_for_EFS_is_right) {
  const Mount mount = Nfs("nfs4", {"rw", "vers=4.1", "hard", "noresvport", "timeo=600", "local_lock=none"});
  EXPECT_TRUE(AdviceOn(mount).empty());
  EXPECT_TRUE(MayBeShared(mount));
  EXPECT_EQ(OptionsThatMatter(mount), "vers=4.1,hard,local_lock=none,timeo=600");
}

TEST(Advice, Versions_without_leases_on_locks_and_locks_of_one_host_break_what_merging_rests_on) {
  EXPECT_EQ(Kinds(Nfs("nfs", {"vers=3"})), std::vector{Kind::kBreaks});
  EXPECT_EQ(Kinds(Nfs("nfs", {"vers=3", "nolock", "local_lock=all"})), (std::vector{Kind::kBreaks, Kind::kBreaks}));
  EXPECT_EQ(Kinds(Nfs("nfs4", {"vers=4.2", "local_lock=posix"})), std::vector{Kind::kBreaks});
  EXPECT_TRUE(Kinds(Nfs("nfs4", {"vers=4.2", "local_lock=flock"})).empty());
}

TEST(Advice, Other_options) {
  EXPECT_EQ(Kinds(Nfs("nfs4", {"vers=4.0"})), std::vector{Kind::kWarning});
  EXPECT_EQ(Kinds(Nfs("nfs4", {"vers=4.1", "nocto"})), std::vector{Kind::kWarning});
  EXPECT_EQ(Kinds(Nfs("nfs4", {"vers=4.1", "soft"})), std::vector{Kind::kNote});
  EXPECT_EQ(Kinds(Nfs("nfs4", {"vers=4.1", "noac"})), std::vector{Kind::kNote});
  EXPECT_EQ(Kinds(Nfs("nfs4", {"vers=4.1", "sync"})), std::vector{Kind::kNote});
  EXPECT_TRUE(Kinds(Nfs("nfs4", {"vers=4.1", "lookupcache=none", "acregmin=1"})).empty());
}

TEST(Advice, Of_what_is_no_NFS) {
  EXPECT_TRUE(AdviceOn({"ext4", "/dev/vda", "/", {"rw"}}).empty());
  EXPECT_FALSE(MayBeShared({"ext4", "/dev/vda", "/", {"rw"}}));
  EXPECT_EQ(Kinds({"cifs", "//host/share", "/mnt", {"rw"}}), std::vector{Kind::kWarning});
  EXPECT_EQ(OptionsThatMatter({"ext4", "/dev/vda", "/", {"rw", "sync"}}), "");
}

}  // namespace
}  // namespace sqlite_efs::probe
