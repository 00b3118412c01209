#include <algorithm>
#include <cstdlib>
#include <optional>

#include "probe/questions.h"

namespace sqlite_efs::probe {
namespace {

// The engine's own: changes that are further apart have different times (docs/protocol.md).
constexpr Duration kTick = std::chrono::milliseconds(40);
constexpr Duration kMargin = std::chrono::milliseconds(1);
constexpr int kPairs = 10;
constexpr int kBurst = 1000;
constexpr Duration kLongestBurst = std::chrono::milliseconds(500);

// The smallest step between the times of changes that follow each other as fast as they can; nothing: they are equal.
Result<std::optional<Duration>> SmallestStep(SideFile& file, Clock& clock) {
  std::optional<Duration> smallest;
  EFS_ASSIGN_OR_RETURN(FileAttributes last, file.Touch());
  const Instant end = clock.Now() + kLongestBurst;
  for (int i = 0; i < kBurst && clock.Now() < end; i++) {
    EFS_ASSIGN_OR_RETURN(const FileAttributes next, file.Touch());
    const Duration step(std::abs(next.mtime_ns - last.mtime_ns));
    if (step > Duration::zero()) smallest = std::min(step, smallest.value_or(step));
    last = next;
  }
  return smallest;
}

}  // namespace

Result<Answer> TellsTimesApart(Side& one, Side&, const Place& place) {
  EFS_RETURN_IF_ERROR(one.Make(place.prefix, 1, 1));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> file, one.Open(place.prefix, "write"));
  EFS_ASSIGN_OR_RETURN(FileAttributes last, file->Look());
  for (int i = 0; i < 2 * kPairs; i++) {
    place.clock.Sleep(kTick + kMargin);
    const bool by_writing = i % 2 == 0;
    if (by_writing) {
      EFS_RETURN_IF_ERROR(file->Write(0, 1, static_cast<uint32_t>(i)));
      EFS_RETURN_IF_ERROR(file->Sync());
    }
    EFS_ASSIGN_OR_RETURN(const FileAttributes next, by_writing ? file->Look() : file->Touch());
    if (next.mtime_ns == last.mtime_ns) {
      return No(std::string(by_writing ? "a write" : "a change of times") +
                " more than 40 ms after the last change "
                "left the time as it was");
    }
    last = next;
  }
  EFS_ASSIGN_OR_RETURN(const std::optional<Duration> step, SmallestStep(*file, place.clock));
  return Yes(All(2 * kPairs) + (step ? "; the smallest step seen is " + Milliseconds(*step) : ""));
}

}  // namespace sqlite_efs::probe
