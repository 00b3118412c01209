#include <algorithm>
#include <array>

#include "probe/pattern.h"
#include "probe/questions.h"
#include "probe/race.h"
#include "probe/words.h"

namespace sqlite_efs::probe {
namespace {

constexpr uint64_t kRaces = 100;
constexpr uint64_t kReplacements = 50;
constexpr int kPings = 5;
constexpr Duration kSoon = std::chrono::seconds(1);

// What each of the two got of the names 1 to kRaces.
struct Outcome {
  std::string one;
  std::string two;
  int by_one = 0;
  int by_two = 0;
};

std::string RaceRequest(const std::string& kind, uint64_t count, const std::string& order, const std::string& prefix,
                        const std::string& mine, const std::string& theirs) {
  return JoinWords("race", kind, std::to_string(count), order, prefix, mine, theirs);
}

// Both at the same time: what `one` and `two` answered.
Result<std::array<std::string, 2>> Both(Side& one, const std::string& first, Side& two, const std::string& second) {
  EFS_RETURN_IF_ERROR(two.Begin(second));
  const Status begun = one.Begin(first);
  Result<std::string> of_one = begun.ok() ? one.End() : Result<std::string>(begun);
  Result<std::string> of_two = two.End();
  if (!of_one.ok()) return of_one.status();
  if (!of_two.ok()) return of_two.status();
  return std::array<std::string, 2>{*of_one, *of_two};
}

Result<Outcome> RaceFor(const std::string& kind, Side& one, Side& two, const std::string& prefix) {
  EFS_ASSIGN_OR_RETURN(auto taken, Both(one, RaceRequest(kind, kRaces, "up", prefix, "one", "two"), two,
                                        RaceRequest(kind, kRaces, "down", prefix, "two", "one")));
  if (taken[0].size() != kRaces || taken[1].size() != kRaces) return Status::IoError("the race was not understood");
  Outcome outcome = {taken[0], taken[1]};
  outcome.by_one = static_cast<int>(std::count(outcome.one.begin(), outcome.one.end(), '1'));
  outcome.by_two = static_cast<int>(std::count(outcome.two.begin(), outcome.two.end(), '1'));
  return outcome;
}

Answer Judge(const Outcome& outcome) {
  for (size_t i = 0; i < outcome.one.size(); i++) {
    if (outcome.one[i] == '1' && outcome.two[i] == '1') return No("both succeeded");
    if (outcome.one[i] == '0' && outcome.two[i] == '0') return No("neither succeeded");
  }
  return Yes(std::to_string(outcome.by_one) + " to one, " + std::to_string(outcome.by_two) +
             " to the other, none to "
             "both");
}

Result<uint64_t> LinksOf(Side& side, const std::string& name) {
  EFS_RETURN_IF_ERROR(side.List().status());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> file, side.Open(name, "read"));
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, file->Look());
  return attributes.links;
}

}  // namespace

Result<Answer> FirstLinkWins(Side& one, Side& two, const Place& place) {
  EFS_ASSIGN_OR_RETURN(const Outcome outcome, RaceFor("link", one, two, place.prefix));
  const Answer answer = Judge(outcome);
  if (answer.verdict != Verdict::kYes) return answer;
  // Each sees of the other's file how many names it has.
  EFS_ASSIGN_OR_RETURN(const uint64_t links_of_one, LinksOf(two, place.prefix + ".one"));
  EFS_ASSIGN_OR_RETURN(const uint64_t links_of_two, LinksOf(one, place.prefix + ".two"));
  if (links_of_one != static_cast<uint64_t>(outcome.by_one) + 1 ||
      links_of_two != static_cast<uint64_t>(outcome.by_two) + 1) {
    return No("the numbers of names are not those of the links that succeeded");
  }
  return answer;
}

Result<Answer> FirstCreationWins(Side& one, Side& two, const Place& place) {
  EFS_ASSIGN_OR_RETURN(const Outcome outcome, RaceFor("create", one, two, place.prefix));
  return Judge(outcome);
}

Result<Answer> FirstRenameWins(Side& one, Side& two, const Place& place) {
  for (uint64_t i = 1; i <= kRaces; i++) {
    EFS_RETURN_IF_ERROR(one.Open(place.Name(i), "new").status());
  }
  EFS_ASSIGN_OR_RETURN(const Outcome outcome, RaceFor("rename", one, two, place.prefix));
  return Judge(outcome);
}

// A name that was looked up while it was missing may be remembered as missing.
Result<Answer> RefusedLinkShowsName(Side& one, Side& two, const Place& place) {
  EFS_RETURN_IF_ERROR(two.Make(place.prefix + ".own", 1, 1));
  for (int i = 0; i < kRounds; i++) {
    const std::string name = place.Name(i);
    if (two.Stat(name).ok()) return No("a name was there before it was made");
    EFS_RETURN_IF_ERROR(one.Make(name, 10, 2));
    const Status linked = two.Link(place.prefix + ".own", name);
    if (linked.ok()) return No("the link replaced another's file");
    if (!linked.Is(StatusCode::kExists)) return linked;
    const Result<std::unique_ptr<SideFile>> file = two.Open(name, "fresh");
    if (!file.ok()) return No("the name that exists cannot be opened: " + file.status().message());
    EFS_ASSIGN_OR_RETURN(const std::string read, (*file)->Read(0, 10));
    if (read != DigestOfPattern(0, 10, 2)) return No("the name is not that of the other's file");
  }
  return Yes(All(kRounds));
}

Result<Answer> ListsWhatIsThere(Side& one, Side& two, const Place& place) {
  for (int i = 0; i < kRounds; i++) {
    const std::string name = place.Name(i);
    if (two.Stat(name).ok()) return No("a name was there before it was made");
    EFS_RETURN_IF_ERROR(one.Make(name, 10, 2));
    EFS_ASSIGN_OR_RETURN(const bool made, two.Lists(name));
    if (!made) return No("a name that was made is not listed");
    if (const auto file = two.Open(name, "fresh"); !file.ok()) {
      return No("a name that is listed cannot be opened: " + file.status().message());
    }
    EFS_RETURN_IF_ERROR(one.Rename(name, name + ".b"));
    EFS_ASSIGN_OR_RETURN(const bool renamed, two.Lists(name + ".b"));
    if (!renamed) return No("a name that was given by a rename is not listed");
    EFS_RETURN_IF_ERROR(one.Remove(name + ".b"));
    EFS_ASSIGN_OR_RETURN(const bool removed, two.Lists(name + ".b"));
    if (removed) return No("a name that was removed is still listed");
  }
  return Yes(All(kRounds));
}

Result<Answer> ReplacesInOneStep(Side& one, Side& two, const Place& place) {
  EFS_RETURN_IF_ERROR(one.Make(place.prefix + ".0", kReplacedLength_bytes, 250));
  EFS_RETURN_IF_ERROR(two.List().status());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> held, two.Open(place.prefix + ".0", "read"));
  EFS_RETURN_IF_ERROR(held->Read(0, 1).status());
  for (uint32_t seed = 200; seed < 200 + kRounds; seed++) {
    EFS_RETURN_IF_ERROR(one.Make(place.prefix + ".next", kReplacedLength_bytes, seed));
    EFS_RETURN_IF_ERROR(one.Rename(place.prefix + ".next", place.prefix + ".0"));
    EFS_RETURN_IF_ERROR(two.List().status());
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> file, two.Open(place.prefix + ".0", "read"));
    EFS_ASSIGN_OR_RETURN(const std::string read, file->Read(0, kReplacedLength_bytes + 1));
    if (read != DigestOfPattern(0, kReplacedLength_bytes, seed)) return No("the name opens the old file");
  }
  EFS_ASSIGN_OR_RETURN(const auto answers,
                       Both(one, RaceRequest("replace", kReplacements, "up", place.prefix, "one", "two"), two,
                            RaceRequest("watch", kReplacements, "up", place.prefix, "two", "one")));
  const std::vector<std::string> counts = SplitWords(answers[1]);  // of "watch": race.h
  if (counts.size() != 4) return Status::IoError("the race was not understood");
  if (counts[1] != "0") return No("the name was missing " + counts[1] + " times while it was replaced");
  if (counts[2] != "0") return No("neither the old nor the new file was read, " + counts[2] + " times");
  return Yes("replaced " + std::to_string(kReplacements) + " times, read " + counts[0] + " times meanwhile" +
             (counts[3] == "0" ? "" : ", and found removed " + counts[3] + " times"));
}

Result<Answer> PinnedStaysTheSame(Side& one, Side& two, const Place& place) {
  const std::string name = place.prefix + ".dir";
  const std::string moved = place.prefix + ".moved";
  EFS_RETURN_IF_ERROR(one.MakeDirectory(name));
  EFS_RETURN_IF_ERROR(two.List().status());
  EFS_RETURN_IF_ERROR(two.Do("pin " + name).status());
  EFS_RETURN_IF_ERROR(one.Rename(name, moved));
  EFS_RETURN_IF_ERROR(one.MakeDirectory(name));
  EFS_RETURN_IF_ERROR(two.Do("create-pinned " + name + "/late").status());
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> in_new, one.List(name));
  if (!in_new.empty()) return No("a file was made in the directory that had taken its name");
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> in_old, one.List(moved));
  if (in_old.size() != 1) return No("a file that was made through it is not in it");
  return Yes("a file made through it late is not in the directory that took its name");
}

Result<Answer> ShowsNamesSoon(Side& one, Side& two, const Place& place) {
  Duration longest = Duration::zero();
  for (int i = 0; i < kPings; i++) {
    for (Side* side : {&one, &two}) {
      EFS_RETURN_IF_ERROR(Timed(place.clock, &longest, [&] { return side->Do("machine").status(); }));
    }
  }
  const std::string took = "a question in a file, and its answer in another, took up to " + Milliseconds(longest);
  return longest < kSoon ? Yes(took) : Answer{Verdict::kCannotTell, took};
}

}  // namespace sqlite_efs::probe
