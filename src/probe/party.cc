#include "probe/party.h"

#include <unistd.h>

#include <array>

#include "probe/words.h"

namespace sqlite_efs::probe {

Party ThisParty(FileSystem& files) {
  std::array<char, 256> host = {};
  const bool named = ::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0';
  return {files.Machine(), named ? host.data() : "?", std::to_string(::getpid())};
}

std::string MessageOf(const Party& party) { return JoinWords("sqlite-efs", party.machine, party.host, party.process); }

std::optional<Party> ParseParty(const std::string& message) {
  const std::vector<std::string> words = SplitWords(message);
  if (words.size() != 4 || words[0] != "sqlite-efs") return std::nullopt;
  return Party{words[1], words[2], words[3]};
}

}  // namespace sqlite_efs::probe
