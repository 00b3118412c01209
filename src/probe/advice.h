#ifndef SQLITE_EFS_PROBE_ADVICE_H_
#define SQLITE_EFS_PROBE_ADVICE_H_

#include <string>
#include <vector>

#include "os/mount.h"

namespace sqlite_efs::probe {

// What follows from how a file system is mounted, for one that the engine works on.
struct Advice {
  enum class Kind {
    kBreaks,   // something that the engine rests on does not hold
    kWarning,  // not known to hold
    kNote,     // good to know
  };
  Kind kind;
  std::string text;
};

std::vector<Advice> AdviceOn(const Mount& mount);

// Whether several machines can have it mounted at a time, as far as its type tells.
bool MayBeShared(const Mount& mount);

// The options that matter, as they are: "vers=4.1,hard,...". Empty for what is no NFS.
std::string OptionsThatMatter(const Mount& mount);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_ADVICE_H_
