#ifndef SQLITE_EFS_STORE_GENERATIONS_H_
#define SQLITE_EFS_STORE_GENERATIONS_H_

#include <memory>

#include "base/status.h"
#include "os/file_system.h"
#include "store/layout.h"
#include "store/segment.h"

namespace sqlite_efs {

// The fence: only one writer may ever write to a segment, and the files say which. To seal a segment is always safe,
// even by mistake and even late; whoever creates the successor first decides how many frames count.

// What a segment's successor is.
enum class Successor {
  kWriters,   // a segment made by the writer that will write to it
  kHelpers,   // a segment made on nobody's behalf: whoever claims it may write to it
  kEndOfLog,  // the end: the database is being detached
};

// Marks `segment` not live, reads its frames from the server, and creates its successor unless there is one. `known` is
// how far the caller has verified the segment. Returns whether the successor is this call's: false says that another
// one's exists. Any number of processes may do this at the same time, for the same segment, and die in the middle.
// kStale: the segment was merged meanwhile, and what follows it is not known. kEndOfLog: kBusy if the segment has
// frames.
Result<bool> Seal(FileSystem& files, const Layout& layout, Segment& segment, const SegmentEnd& known,
                  Successor successor);

// Whether the segment was made by a writer for itself.
bool HasOwner(const WalHeader& header);

// Claims a helper's segment: true for the first caller ever, false for all others.
Result<bool> Claim(FileSystem& files, const Layout& layout, SegmentNumber number);

// Makes a new, live segment under `path`, durable, with room allocated ahead; returns its header.
Result<WalHeader> WriteNewSegment(FileSystem& files, const std::string& path, uint32_t page_size,
                                  FrameNumber counted_of_previous, Successor kind, uint32_t mode);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_STORE_GENERATIONS_H_
