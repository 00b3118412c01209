#ifndef SQLITE_EFS_PROBE_HAND_H_
#define SQLITE_EFS_PROBE_HAND_H_

#include <string>

#include "base/status.h"

namespace sqlite_efs::probe {

// Somebody who does, in the probe's folder, what a line asks (actor.h), and answers with a line: in this process, in
// another one, or on another host. One request at a time; not thread-safe.
class Hand {
 public:
  virtual ~Hand() = default;

  // Begins a request.
  virtual Status Send(const std::string& request) = 0;
  // Its answer; kUnavailable if there is none after a bounded time.
  virtual Result<std::string> Receive() = 0;
};

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_HAND_H_
