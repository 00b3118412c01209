#ifndef SQLITE_EFS_PROBE_QUESTIONS_H_
#define SQLITE_EFS_PROBE_QUESTIONS_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "os/clock.h"
#include "probe/side.h"

namespace sqlite_efs::probe {

enum class Verdict { kYes, kNo, kCannotTell };

struct Answer {
  Verdict verdict;
  std::string detail;  // what was measured, or seen
};
inline Answer Yes(std::string detail) { return {Verdict::kYes, std::move(detail)}; }
inline Answer No(std::string detail) { return {Verdict::kNo, std::move(detail)}; }

// Where a question is asked.
struct Place {
  Clock& clock;
  std::string prefix;  // of all names that it makes, its own; files of the folder

  std::string Name(uint64_t number) const { return prefix + "." + std::to_string(number); }
};

// How the file system answers, as `one` and `two` see it. A failure is that of a call on the file system, which the
// engine needs as much as its result, or kUnavailable. What it made is left for the caller to remove.
using Ask = Result<Answer> (*)(Side& one, Side& two, const Place& place);

enum class Kind {
  kAlone,     // one side asks itself
  kBothWays,  // two sides, each in each part
  kTogether,  // two sides, once
  kHosts,     // the same between hosts only
};

struct Question {
  const char* asks;   // what should hold
  const char* since;  // what of the engine rests on it
  Kind kind;
  Ask ask;
};

// All of them, in the order in which they are asked. Each is one of docs/protocol.md's "What rests on the file server",
// or something that these take for granted.
std::span<const Question> Questions();

// --- alone
Result<Answer> HasSecondNames(Side& one, Side&, const Place& place);
Result<Answer> KeepsNames(Side& one, Side&, const Place& place);
Result<Answer> KeepsModes(Side& one, Side&, const Place& place);
Result<Answer> Syncs(Side& one, Side&, const Place& place);
Result<Answer> TellsTimesApart(Side& one, Side&, const Place& place);
Result<Answer> RefusesToReplaceDirectories(Side& one, Side&, const Place& place);

// --- looks: `one` changes, `two` looks
Result<Answer> LookShowsWrites(Side& one, Side& two, const Place& place);
Result<Answer> LookShowsSecondName(Side& one, Side& two, const Place& place);
Result<Answer> LookShowsMode(Side& one, Side& two, const Place& place);
Result<Answer> TouchTellsAll(Side& one, Side& two, const Place& place);
Result<Answer> LookShowsRemoval(Side& one, Side& two, const Place& place);

// --- data: `one` writes, `two` reads
Result<Answer> ReadsPastTheCache(Side& one, Side& two, const Place& place);
Result<Answer> ReadsPastTheCacheWhileWriting(Side& one, Side& two, const Place& place);
Result<Answer> ShowsSizes(Side& one, Side& two, const Place& place);

// --- names
Result<Answer> FirstLinkWins(Side& one, Side& two, const Place& place);
Result<Answer> FirstCreationWins(Side& one, Side& two, const Place& place);
Result<Answer> FirstRenameWins(Side& one, Side& two, const Place& place);
Result<Answer> RefusedLinkShowsName(Side& one, Side& two, const Place& place);
Result<Answer> ListsWhatIsThere(Side& one, Side& two, const Place& place);
Result<Answer> ReplacesInOneStep(Side& one, Side& two, const Place& place);
Result<Answer> PinnedStaysTheSame(Side& one, Side& two, const Place& place);
Result<Answer> ShowsNamesSoon(Side& one, Side& two, const Place& place);

// --- locks: `one` holds, `two` wants
Result<Answer> LocksExclude(Side& one, Side& two, const Place& place);
Result<Answer> LocksEndWithTheirHolder(Side& one, Side& two, const Place& place);

// --- for answers
inline constexpr int kRounds = 5;
// "0.12 ms"
std::string Milliseconds(Duration duration);
// Does the call, whose time may be the longest so far.
template <typename Call>
auto Timed(Clock& clock, Duration* longest, const Call& call) {
  const Instant begun = clock.Now();
  auto result = call();
  *longest = std::max(*longest, clock.Now() - begun);
  return result;
}
// "5 of 5"
std::string All(int count);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_QUESTIONS_H_
