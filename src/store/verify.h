#ifndef SQLITE_EFS_STORE_VERIFY_H_
#define SQLITE_EFS_STORE_VERIFY_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "os/file_system.h"
#include "store/layout.h"
#include "store/progress.h"

namespace sqlite_efs {

struct LogCheck {
  uint64_t segments = 0;
  uint64_t frames = 0;               // that count, all of them checked
  std::vector<std::string> damages;  // each a sentence that names file, frame and remedy; empty: all is well
};

// Reads a live database's identity, the header of its base, and every frame that counts of every segment, independently
// of the engine: the checksums, which chain each frame to all before it, the salts, and that there are as many frames
// as the successor says, or of the last segment the lease record after a tenure that ended in order. An unfinished
// commit at the end of the last segment is no damage. Takes no lock; others may read and write. A failure says that the
// check could not be made.
Result<LogCheck> CheckLog(FileSystem& files, const Layout& layout, const Progress& progress);

// What is known of one segment without reading its frames.
struct SegmentSummary {
  SegmentNumber number;
  const char* state = "";   // "live", "sealed", "merging"
  uint64_t bytes = 0;       // size of the file, with what is allocated ahead
  bool has_frames = false;  // whether `frames` is known: the last segment's is not
  FrameNumber frames;       // that count
};

// The segments, oldest first. Takes no lock.
Result<std::vector<SegmentSummary>> SummarizeSegments(FileSystem& files, const Layout& layout);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_VERIFY_H_
