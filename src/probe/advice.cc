#include "probe/advice.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace sqlite_efs::probe {
namespace {

constexpr std::array<std::string_view, 17> kOfOneMachine = {
    "bcachefs", "btrfs",   "ext2",  "ext3",     "ext4",     "exfat", "f2fs", "jfs", "nilfs2",
    "ntfs3",    "overlay", "ramfs", "reiserfs", "squashfs", "tmpfs", "vfat", "xfs"};
// nfs(5); as /proc shows them, which leaves out defaults.
constexpr std::array<std::string_view, 22> kMatter = {
    "ro",    "vers",  "hard",    "soft",     "softerr",  "softreval", "nolock",   "local_lock",
    "nocto", "noac",  "actimeo", "acregmin", "acregmax", "acdirmin",  "acdirmax", "lookupcache",
    "sync",  "timeo", "retrans", "proto",    "nconnect", "sec"};

void Add(std::vector<Advice>* all, Advice::Kind kind, std::string text) { all->push_back({kind, std::move(text)}); }

void AddOnLocks(const Mount& mount, std::vector<Advice>* all) {
  const std::string version = mount.Value("vers").value_or(mount.type == "nfs4" ? "4" : "3");
  if (!version.starts_with("4")) {
    Add(all, Advice::Kind::kBreaks,
        "NFS version " + version +
            ": its server goes on taking writes of a host that has lost its lock, so that a "
            "host that was frozen in a merge may damage the database; mount with nfsvers=4.1");
  } else if (version == "4" || version == "4.0") {
    Add(all, Advice::Kind::kWarning,
        "NFS version 4.0: a request that is repeated after a lost connection may be carried out twice; mount with "
        "nfsvers=4.1, as Amazon recommends for EFS");
  }
  const std::string local = mount.Value("local_lock").value_or("none");
  if (mount.Has("nolock") || local == "all" || local == "posix") {
    Add(all, Advice::Kind::kBreaks,
        "locks are of this host only (nolock, or local_lock=" + local +
            "): two hosts may merge at the same time; mount without these options");
  }
}

}  // namespace

std::vector<Advice> AdviceOn(const Mount& mount) {
  std::vector<Advice> all;
  if (!mount.IsNfs()) {
    if (MayBeShared(mount)) {
      Add(&all, Advice::Kind::kWarning,
          mount.type +
              ": the engine knows how to read past the cache of NFS only; what other hosts write is for the "
              "second host's questions to tell");
    }
    return all;
  }
  AddOnLocks(mount, &all);
  if (mount.Has("nocto")) {
    Add(&all, Advice::Kind::kWarning,
        "nocto: an opening does not ask whether another host has changed the file, and the engine is not tested so; "
        "mount without it");
  }
  if (mount.Has("soft") || mount.Has("softerr")) {
    Add(&all, Advice::Kind::kNote,
        "soft: calls fail when the server does not answer; commits are then refused, or it is said that their outcome "
        "is not known");
  }
  if (mount.Has("noac") || mount.Value("actimeo") == "0") {
    Add(&all, Advice::Kind::kNote, "noac: the engine does not need it, and it costs calls to the server");
  }
  if (mount.Has("sync")) {
    Add(&all, Advice::Kind::kNote, "sync: the engine does not need it; it syncs what has to last");
  }
  return all;
}

bool MayBeShared(const Mount& mount) {
  return std::find(kOfOneMachine.begin(), kOfOneMachine.end(), mount.type) == kOfOneMachine.end();
}

std::string OptionsThatMatter(const Mount& mount) {
  if (!mount.IsNfs()) return "";
  std::string text;
  const auto add = [&text](const std::string& option) { text += (text.empty() ? "" : ",") + option; };
  for (const std::string_view name : kMatter) {
    if (const auto value = mount.Value(name)) add(std::string(name) + "=" + *value);
    if (mount.Has(name)) add(std::string(name));
  }
  return text;
}

}  // namespace sqlite_efs::probe
