#ifndef SQLITE_EFS_PROBE_REPORT_H_
#define SQLITE_EFS_PROBE_REPORT_H_

#include <ostream>
#include <string>

#include "os/mount.h"
#include "probe/party.h"
#include "probe/probe.h"

namespace sqlite_efs::probe {

// What the probe prints, each line when it is known, and what comes of it. Not thread-safe.
class Report {
 public:
  explicit Report(std::ostream& out) : out_(out) {}

  // About whom an answer is: this process, another one of this machine, the peer on another host or on this one.
  enum class Who { kHere, kProcess, kHost, kPeerHere };

  void NameLeftFolder(const std::string& folder);
  void Describe(const std::string& directory, const Result<Mount>& mount);
  void SayWaiting(const std::string& directory, Duration wait);
  void NamePeer(const Party& party, bool on_another_host);
  void Ask(const Question& question);
  void Tell(Who who, const Answer& answer);
  void TellNeedsHost();
  void SayUntested(bool is_shared);
  // `waited`: a peer was asked for.
  Outcome Conclude(bool is_shared, bool had_host, bool waited);
  // The sentence of Conclude().
  const std::string& conclusion() const { return conclusion_; }

 private:
  void Line(const std::string& word, const std::string& who, const std::string& detail);

  std::ostream& out_;
  const Question* question_ = nullptr;
  std::string directory_;
  std::string conclusion_;
  int yes_ = 0;
  int no_ = 0;
  int unknown_ = 0;
};

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_REPORT_H_
