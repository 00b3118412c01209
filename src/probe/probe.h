#ifndef SQLITE_EFS_PROBE_PROBE_H_
#define SQLITE_EFS_PROBE_PROBE_H_

#include <ostream>
#include <string>

#include "base/status.h"
#include "os/clock.h"
#include "os/file_system.h"
#include "probe/questions.h"

namespace sqlite_efs::probe {

enum class Outcome { kFits, kDoesNotFit, kCouldNotTell };

// Asks all questions (questions.h) about the file system of a directory: in this process, between it and another one,
// and between it and a peer on another host, if one comes. Prints each answer as it is there. Fails if nothing can be
// asked, or the user has interrupted (os/interrupts.h); whatever it made is removed.
struct ProbeOptions {
  std::string directory;
  Duration wait;  // for a peer that does not wait already; zero: for none
};
Result<Outcome> RunProbe(FileSystem& files, Clock& clock, const ProbeOptions& options, std::ostream& out);

// Is the peer of a probe that runs on another host, or comes within `wait`. Prints what it is asked.
Status RunPeer(FileSystem& files, Clock& clock, const ProbeOptions& options, std::ostream& out);

// The answer to one question; where a call failed, what that means.
Answer AnswerTo(const Question& question, Side& one, Side& two, const Place& place);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_PROBE_H_
