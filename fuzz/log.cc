// A whole log directory: what `sqlite-efs verify` says of any files, beside what the engine's own reader says.
#include "input.h"
#include "lease/lease_record.h"
#include "memory_file_system.h"
#include "segment_script.h"
#include "store/base_file.h"
#include "store/segment.h"
#include "store/verify.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

namespace {

constexpr char kId[] = "0d9c8a4e-1f1b-4c52-9d3a-3f2b6c7a8e90";
constexpr uint64_t kMaxSegments = 3;

void Put(MemoryFileSystem* files, const std::string& path, std::string_view text) {
  files->files[path].assign(AsBytes(text).begin(), AsBytes(text).end());
}

// What the engine finds in each segment, as its successor counts it; nothing if it finds damage.
std::optional<uint64_t> FramesByEngine(MemoryFileSystem& files, const Layout& layout, uint64_t segments) {
  uint64_t total = 0;
  FrameNumber limit = {UINT32_MAX};
  for (uint64_t number = segments; number >= 1; number--) {
    const auto segment = Segment::Open(files, layout, {number}, kScriptPageSize);
    if (!segment.ok()) return std::nullopt;
    const uint64_t size = files.files[layout.segment({number})].size();
    const Result<NewFrames> found = (*segment)->Scan((*segment)->end, size, limit);
    if (!found.ok() || (limit.value != UINT32_MAX && found->end.frames != limit)) return std::nullopt;
    total += found->end.frames.value;
    limit = (*segment)->header().counted_of_previous;
  }
  return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const Layout layout("/db");
  MemoryFileSystem files;
  const std::vector<std::byte> base = EmptyDatabasePage(kScriptPageSize);
  files.files[layout.base()] = base;
  Put(&files, layout.id(), std::string(kId) + "\n");
  const uint64_t segments = 1 + input.Take<uint8_t>() % kMaxSegments;
  const bool honest = input.Take<uint8_t>() % 2 == 0;
  FrameNumber counted = {0};
  for (uint64_t number = 1; number <= segments; number++) {
    const SegmentScript script(&input, counted);
    files.files[layout.segment({number})] = script.content();
    counted = honest ? script.last_commit() : FrameNumber{input.Take<uint8_t>()};
  }
  Put(&files, layout.lease(), input.TakeRest());
  const Result<LogCheck> check = CheckLog(files, layout, {});
  if (!check.ok()) return 0;
  for (const std::string& damage : check->damages) {
    Require(damage.find(layout.base()) != std::string::npos, "a damage names a file");
  }
  if (!check->damages.empty()) return 0;
  const std::optional<uint64_t> frames = FramesByEngine(files, layout, segments);
  Require(frames.has_value(), "the engine reads a log in which no damage is found");
  Require(*frames == check->frames, "both count the same frames");
  return 0;
}
