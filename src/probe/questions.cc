#include "probe/questions.h"

#include <array>
#include <cstdio>

namespace sqlite_efs::probe {
namespace {

constexpr std::array kQuestions = {
    Question{"A file can have a second name", "a segment is sealed by its second name", Kind::kAlone, &HasSecondNames},
    Question{"The engine's names are kept as they are", "what a file is follows from its name", Kind::kAlone,
             &KeepsNames},
    Question{"Permission bits are kept", "the executable bit is the mark of a segment that is being merged",
             Kind::kAlone, &KeepsModes},
    Question{"Writes and directories can be synced", "a commit that returned must be on the server's disk",
             Kind::kAlone, &Syncs},
    Question{"Changes 40 ms apart have different times", "equal attributes that old mean that nothing has changed",
             Kind::kAlone, &TellsTimesApart},
    Question{"No rename replaces a directory that is in use",
             "a log directory takes its place in one step, and never another's", Kind::kAlone,
             &RefusesToReplaceDirectories},
    Question{"A look shows what another has written", "readers learn of commits by looks", Kind::kBothWays,
             &LookShowsWrites},
    Question{"A look shows a second name that another has made", "it tells a writer that its segment was sealed",
             Kind::kBothWays, &LookShowsSecondName},
    Question{"A look shows permission bits that another has set",
             "it tells a reader that pages of the base may be changing", Kind::kBothWays, &LookShowsMode},
    Question{"A change of times tells what others have changed", "a commit is acknowledged by that reply",
             Kind::kBothWays, &TouchTellsAll},
    Question{"A look tells that a file was removed", "a segment that is gone was merged", Kind::kBothWays,
             &LookShowsRemoval},
    Question{"What another has synced is read", "log and base are read past the system's cache", Kind::kBothWays,
             &ReadsPastTheCache},
    Question{"It is also read while open for writing here", "processes that merge have the base open for writing",
             Kind::kBothWays, &ReadsPastTheCacheWhileWriting},
    Question{"A file that another has grown or cut has that size", "segments are allocated ahead, and the base is cut",
             Kind::kBothWays, &ShowsSizes},
    Question{"Of many links to one name one succeeds", "who makes the next segment is decided by that", Kind::kTogether,
             &FirstLinkWins},
    Question{"Of many creations of one name one succeeds", "who may write to a helper's segment is decided by that",
             Kind::kTogether, &FirstCreationWins},
    Question{"Of many renames of one file one succeeds", "a merge is completed once", Kind::kTogether,
             &FirstRenameWins},
    Question{"After a refused link the name can be opened", "who loses a race follows the winner's segment",
             Kind::kBothWays, &RefusedLinkShowsName},
    Question{"A listing shows names that another has made or removed", "which segments exist is learned from listings",
             Kind::kBothWays, &ListsWhatIsThere},
    Question{"A renamed file replaces another in one step", "the name of the last copying, and what counted",
             Kind::kBothWays, &ReplacesInOneStep},
    Question{"An open directory stays the same whatever its name", "late work by name must not hit a later log",
             Kind::kBothWays, &PinnedStaysTheSame},
    Question{"A lock keeps others out", "two mergers at a time would mix pages", Kind::kBothWays, &LocksExclude},
    Question{"A lock ends with its holder, after its writes", "the next merger must not be overtaken by the last",
             Kind::kBothWays, &LocksEndWithTheirHolder},
    Question{"New names are seen without delay", "what arrives late everywhere cannot be told from what is in time",
             Kind::kHosts, &ShowsNamesSoon},
};

}  // namespace

std::span<const Question> Questions() { return kQuestions; }

std::string Milliseconds(Duration duration) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.*f ms",
                duration < std::chrono::microseconds(100)  ? 4
                : duration < std::chrono::milliseconds(10) ? 2
                                                           : 0,
                static_cast<double>(duration.count()) / 1e6);
  return text.data();
}

std::string All(int count) { return std::to_string(count) + " of " + std::to_string(count); }

}  // namespace sqlite_efs::probe
