#ifndef SQLITE_EFS_PROBE_PARTY_H_
#define SQLITE_EFS_PROBE_PARTY_H_

#include <optional>
#include <string>

#include "os/file_system.h"

namespace sqlite_efs::probe {

// A probe, or a peer, as it makes itself known to the other one.
struct Party {
  std::string machine;  // FileSystem::Machine()
  std::string host;     // its name
  std::string process;  // its number

  // "host a, process 12"
  std::string Text() const { return "host " + host + ", process " + process; }
};

Party ThisParty(FileSystem& files);

// As a message (exchange.h), and back; nothing if it is none.
std::string MessageOf(const Party& party);
std::optional<Party> ParseParty(const std::string& message);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_PARTY_H_
