#ifndef SQLITE_EFS_PROBE_EXCHANGE_H_
#define SQLITE_EFS_PROBE_EXCHANGE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "os/clock.h"
#include "os/file_system.h"
#include "probe/folder.h"
#include "probe/hand.h"
#include "probe/party.h"

namespace sqlite_efs::probe {

// The peer on another host, as the probe's folder shows it: questions and answers are files.
class PeerHand final : public Hand {
 public:
  PeerHand(FileSystem& files, Clock& clock, Folder& folder, Party party)
      : files_(files), clock_(clock), folder_(folder), party_(std::move(party)) {}

  const Party& party() const { return party_; }
  Status Send(const std::string& request) override;
  Result<std::string> Receive() override;

 private:
  Status Lost(const std::string& why);

  FileSystem& files_;
  Clock& clock_;
  Folder& folder_;
  const Party party_;
  uint64_t number_ = 0;
  std::optional<Status> lost_;  // from then on it is not waited for
};

// Waits for a peer to come to the folder; null if there is none in time, or the user has interrupted the wait.
std::unique_ptr<PeerHand> AwaitPeer(FileSystem& files, Clock& clock, Folder& folder, Duration wait);

// --- the peer's end

// The folder of a probe whose peer this is, as long as the object exists.
struct Joined {
  std::string folder;
  std::unique_ptr<File> peer;
};

// Waits for a probe in the directory that has no peer. kUnavailable: there is none in time.
Result<Joined> JoinProbe(FileSystem& files, Clock& clock, const std::string& directory, Duration wait);

// Does what the probe asks until it says that it has ended: its last word. kUnavailable: it has ended without one, or
// the user has interrupted; then what it has left is removed, if that is safe. `told` is called with each "say TEXT".
Result<std::string> ServeProbe(FileSystem& files, Clock& clock, Joined joined,
                               const std::function<void(const std::string&)>& told);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_EXCHANGE_H_
