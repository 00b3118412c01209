#include "store/attach.h"

#include <algorithm>
#include <vector>

#include "lease/embedded_lease_store.h"
#include "lease/lease_text.h"
#include "store/base_file.h"
#include "store/generations.h"
#include "store/scratch.h"
#include "store/segment.h"

namespace sqlite_efs {
namespace {

constexpr SegmentNumber kFirstSegment = {1};
constexpr uint32_t kAnyReadWrite = 0666;

// The directory's permissions: search wherever the base may be read.
uint32_t DirectoryMode(uint32_t base_mode) {
  const uint32_t mode = (base_mode & kAnyReadWrite) | 0700;
  return mode | ((mode & 0444) >> 2);
}

// A record from which the first writer may go on in the first segment.
Status WriteFirstLease(FileSystem& files, const Layout& layout, const std::string& id, const WalHeader& segment,
                       uint32_t mode) {
  LeaseRecord record;
  record.database_id = id;
  record.holder = DescribeThisProcess();
  record.released = {kFirstSegment.value, segment.salts(), 0, EmbeddedLeaseStore::ReleaseNameOn(files)};
  return WriteNewFile(files, layout.lease(), FormatLeaseRecord(record) + "\n", mode);
}

}  // namespace

Status CreateLogDirectory(FileSystem& files, const Layout& layout, uint32_t page_size, const BeforeGoingLive& before,
                          const std::string& id) {
  RemoveScratch(files, layout);
  EFS_ASSIGN_OR_RETURN(const FileAttributes base, files.Stat(layout.base()));
  const uint32_t mode = SegmentMode(base.mode);
  Scratch scratch(files, layout);
  EFS_RETURN_IF_ERROR(scratch.Make(DirectoryMode(base.mode)));
  const Layout& prepared = scratch.layout();
  EFS_RETURN_IF_ERROR(WriteNewFile(files, prepared.id(), id + "\n", (base.mode & 0444) | 0400));
  EFS_ASSIGN_OR_RETURN(const WalHeader segment, WriteNewSegment(files, prepared.segment(kFirstSegment), page_size, {0},
                                                                Successor::kWriters, mode));
  EFS_RETURN_IF_ERROR(WriteFirstLease(files, prepared, id, segment, mode));
  if (before) EFS_RETURN_IF_ERROR(before(prepared));
  return scratch.MoveIntoPlace();
}

Result<FileAttributes> CreateDatabase(FileSystem& files, File& base, const Layout& layout, uint32_t page_size,
                                      const BeforeGoingLive& before, const std::string& id) {
  FileAttributes written;
  // The last thing before the rename: the server refuses it when the lock was lost while the rest was prepared.
  const auto write_page = [&](const Layout& prepared) -> Status {
    if (before) EFS_RETURN_IF_ERROR(before(prepared));
    EFS_RETURN_IF_ERROR(base.WriteAt(0, EmptyDatabasePage(page_size)));
    EFS_RETURN_IF_ERROR(base.Sync());
    EFS_ASSIGN_OR_RETURN(written, base.Look());
    return {};
  };
  EFS_RETURN_IF_ERROR(CreateLogDirectory(files, layout, page_size, write_page, id));
  return written;
}

Status UndoBrokenCreation(File& base) {
  std::vector<std::byte> content(kMaxPageSize);
  EFS_ASSIGN_OR_RETURN(const size_t size, base.ReadAt(0, content));
  content.resize(size);
  const uint32_t page_size = size >= kDatabaseHeaderSize ? PageSizeOf(content) : 0;
  if (size >= page_size) return {};
  const std::vector<std::byte> page = EmptyDatabasePage(page_size);
  if (!std::equal(content.begin(), content.end(), page.begin())) return {};
  EFS_RETURN_IF_ERROR(base.Truncate(0));
  return base.Sync();
}

Status CheckAttachable(FileSystem& files, const Layout& layout) {
  EFS_ASSIGN_OR_RETURN(const FileAttributes base, files.Stat(layout.base()));
  if (base.links > 1) {
    return Status::CantOpen(layout.base() + " has " + std::to_string(base.links) +
                            " names (hard links), and under another one it would not be recognised as live; remove the "
                            "others");
  }
  return {};
}

}  // namespace sqlite_efs
