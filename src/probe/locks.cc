#include "probe/pattern.h"
#include "probe/questions.h"

namespace sqlite_efs::probe {
namespace {

constexpr uint64_t kLength_bytes = 300'000;
constexpr Duration kLongestRelease = std::chrono::seconds(15);
constexpr Duration kPoll = std::chrono::milliseconds(10);

}  // namespace

Result<Answer> LocksExclude(Side& one, Side& two, const Place& place) {
  EFS_RETURN_IF_ERROR(one.Make(place.prefix, 1, 1));
  EFS_RETURN_IF_ERROR(two.List().status());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> first, one.Open(place.prefix, "readwrite"));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> again, one.Open(place.prefix, "readwrite"));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> second, two.Open(place.prefix, "readwrite"));
  for (int i = 0; i < kRounds; i++) {
    EFS_ASSIGN_OR_RETURN(const bool locked, first->TryLock());
    if (!locked) return No("a lock that nobody held was refused");
    EFS_ASSIGN_OR_RETURN(const bool by_same_process, again->TryLock());
    if (by_same_process) return No("two descriptors of one process got the same lock");
    EFS_ASSIGN_OR_RETURN(const bool by_both, second->TryLock());
    if (by_both) return No("both got the same lock");
    EFS_RETURN_IF_ERROR(first->Unlock());
    EFS_ASSIGN_OR_RETURN(const bool by_second, second->TryLock());
    if (!by_second) return No("a lock that was given up is still held");
    EFS_ASSIGN_OR_RETURN(const bool by_first, first->TryLock());
    if (by_first) return No("both got the same lock");
    EFS_RETURN_IF_ERROR(second->Unlock());
  }
  return Yes(All(kRounds));
}

Result<Answer> LocksEndWithTheirHolder(Side& one, Side& two, const Place& place) {
  EFS_RETURN_IF_ERROR(one.Make(place.prefix, kLength_bytes, 1));
  EFS_RETURN_IF_ERROR(two.List().status());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> wanted, two.Open(place.prefix, "readwrite"));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> fresh, two.Open(place.prefix, "fresh"));
  SubHand hand(one);
  {
    Side holder(hand);
    // What it has open ends with it.
    EFS_RETURN_IF_ERROR(holder.Do("open held " + place.prefix + " readwrite").status());
    EFS_ASSIGN_OR_RETURN(const std::string locked, holder.Do("lock held"));
    if (locked != "yes") return No("a lock that nobody held was refused");
    EFS_ASSIGN_OR_RETURN(const bool taken, wanted->TryLock());
    if (taken) return No("both got the same lock");
    EFS_RETURN_IF_ERROR(holder.Do("write held 0 " + std::to_string(kLength_bytes) + " 2").status());
  }
  const Instant killed = place.clock.Now();
  EFS_RETURN_IF_ERROR(hand.Kill());
  while (true) {
    EFS_ASSIGN_OR_RETURN(const bool free, wanted->TryLock());
    if (free) break;
    if (place.clock.Now() - killed >= kLongestRelease) return No("the lock of a killed process is still held");
    place.clock.Sleep(kPoll);
  }
  const Duration took = place.clock.Now() - killed;
  EFS_ASSIGN_OR_RETURN(const std::string read, fresh->Read(0, kLength_bytes));
  if (read != DigestOfPattern(0, kLength_bytes, 2)) return No("its lock is free, and not all it has written is there");
  return Yes("free " + Milliseconds(took) + " after the kill, with all that it had written");
}

}  // namespace sqlite_efs::probe
