#include <algorithm>
#include <array>

#include "probe/pattern.h"
#include "probe/questions.h"

namespace sqlite_efs::probe {
namespace {

// As the log has them: a header of 32 bytes, frames of 24 bytes and a page. No sector begins where they do.
constexpr uint64_t kHeader_bytes = 32;
constexpr std::array<uint64_t, 6> kLengths_bytes = {1, 24, 536, 4120, 12360, 103000};
constexpr uint64_t kSize_bytes = uint64_t{1} << 18;
constexpr uint64_t kGrown_bytes = (uint64_t{1} << 20) + 1;
constexpr uint64_t kCut_bytes = 5000;

std::string Lengths() {
  return All(static_cast<int>(kLengths_bytes.size())) + " writes of 1 to 103000 bytes, none aligned";
}

// Whether `fresh` has, after each write of `writer`, what was written, and what was there before around it.
Result<Answer> ReadEach(SideFile& writer, SideFile& cached, SideFile& fresh) {
  uint64_t offset = kHeader_bytes;
  uint32_t seed = 1;
  for (const uint64_t length : kLengths_bytes) {
    EFS_RETURN_IF_ERROR(cached.Read(0, kSize_bytes).status());
    EFS_RETURN_IF_ERROR(writer.Write(offset, length, ++seed));
    EFS_RETURN_IF_ERROR(writer.Sync());
    EFS_ASSIGN_OR_RETURN(const std::string read, fresh.Read(offset, length));
    if (read != DigestOfPattern(offset, length, seed)) {
      return No("of " + std::to_string(length) + " bytes at " + std::to_string(offset) + " not all are new");
    }
    offset += length;
    EFS_ASSIGN_OR_RETURN(const std::string behind, fresh.Read(offset, kHeader_bytes));
    if (behind != DigestOfPattern(offset, kHeader_bytes, 1)) {
      return No("what is behind " + std::to_string(offset) + " has changed too");
    }
  }
  EFS_ASSIGN_OR_RETURN(const std::string end, fresh.Read(kSize_bytes - 7, kHeader_bytes));
  if (end != DigestOfPattern(kSize_bytes - 7, 7, 1)) return No("the end of the file is not read as it is");
  return Yes(Lengths());
}

}  // namespace

Result<Answer> ReadsPastTheCache(Side& one, Side& two, const Place& place) {
  EFS_RETURN_IF_ERROR(one.Make(place.prefix, kSize_bytes, 1));
  EFS_RETURN_IF_ERROR(two.List().status());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> cached, two.Open(place.prefix, "read"));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> fresh, two.Open(place.prefix, "fresh"));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> writer, one.Open(place.prefix, "write"));
  return ReadEach(*writer, *cached, *fresh);
}

// As on a machine of which one process merges, and others read.
Result<Answer> ReadsPastTheCacheWhileWriting(Side& one, Side& two, const Place& place) {
  EFS_RETURN_IF_ERROR(one.Make(place.prefix, kSize_bytes, 1));
  EFS_RETURN_IF_ERROR(two.List().status());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> writer, one.Open(place.prefix, "readwrite"));
  SubHand hand(two);
  Side sub(hand);
  Result<Answer> answer = No("");
  {
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> also, sub.Open(place.prefix, "readwrite"));
    EFS_RETURN_IF_ERROR(also->Write(0, kHeader_bytes, 1));
    EFS_RETURN_IF_ERROR(also->Sync());
    EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> fresh, two.Open(place.prefix, "fresh"));
    answer = ReadEach(*writer, *also, *fresh);
  }
  EFS_RETURN_IF_ERROR(hand.Kill());
  return answer;
}

Result<Answer> ShowsSizes(Side& one, Side& two, const Place& place) {
  EFS_RETURN_IF_ERROR(one.Make(place.prefix, 10, 1));
  EFS_RETURN_IF_ERROR(two.List().status());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> fresh, two.Open(place.prefix, "fresh"));
  EFS_RETURN_IF_ERROR(fresh->Look().status());
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> writer, one.Open(place.prefix, "readwrite"));
  for (const uint64_t size : {kGrown_bytes, kCut_bytes}) {
    EFS_RETURN_IF_ERROR(writer->Truncate(size));
    EFS_RETURN_IF_ERROR(writer->Sync());
    EFS_ASSIGN_OR_RETURN(const FileAttributes seen, fresh->Look());
    if (seen.size != size) {
      return No("a look showed " + std::to_string(seen.size) + " bytes after the size was set to " +
                std::to_string(size));
    }
    EFS_ASSIGN_OR_RETURN(const std::string end, fresh->Read(size - kCut_bytes + 10, kGrown_bytes));
    if (end != DigestOfPattern(0, kCut_bytes - 10, 0)) return No("what it grew by is not read as zeros");
  }
  return Yes("grown to 1 MiB, and cut");
}

}  // namespace sqlite_efs::probe
