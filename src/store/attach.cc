#include "store/attach.h"

#include "base/uuid.h"
#include "lease/embedded_lease_store.h"
#include "lease/lease_text.h"
#include "store/base_file.h"
#include "store/generations.h"
#include "store/segment.h"

namespace sqlite_efs {
namespace {

constexpr SegmentNumber kFirstSegment = {1};
constexpr uint32_t kAnyReadWrite = 0666;
constexpr char kPreparationSuffix[] = ".tmp.";  // of the log directory's name

void RemoveTree(FileSystem& files, const std::string& directory) {
  const Result<std::vector<std::string>> names = files.List(directory);
  if (!names.ok()) return;
  for (const std::string& name : *names) (void)files.Remove(directory + "/" + name);
  (void)files.RemoveDirectory(directory);
}

// A directory under a temporary name; removed with what is in it unless it was given its own.
class Preparation {
 public:
  Preparation(FileSystem& files, const Layout& layout)
      : files_(files), layout_(layout.base(), layout.directory() + kPreparationSuffix + NewUuid()) {}
  ~Preparation() {
    if (!done_) RemoveTree(files_, layout_.directory());
  }
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  const Layout& layout() const { return layout_; }

  Status MoveTo(const Layout& target) {
    EFS_RETURN_IF_ERROR(files_.SyncDirectory(layout_.directory()));
    EFS_RETURN_IF_ERROR(files_.Rename(layout_.directory(), target.directory()));
    done_ = true;
    return files_.SyncDirectory(FolderOf(target.base()));
  }

 private:
  FileSystem& files_;
  Layout layout_;
  bool done_ = false;
};

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
  record.released = {kFirstSegment.value, segment.salts(), 0, EmbeddedLeaseStore::kName};
  return WriteNewFile(files, layout.lease(), FormatLeaseRecord(record) + "\n", mode);
}

}  // namespace

Status CreateLogDirectory(FileSystem& files, const Layout& layout, uint32_t page_size, const BeforeGoingLive& before) {
  RemovePreparations(files, layout);
  EFS_ASSIGN_OR_RETURN(const FileAttributes base, files.Stat(layout.base()));
  const uint32_t mode = SegmentMode(base.mode);
  Preparation preparation(files, layout);
  const Layout& prepared = preparation.layout();
  EFS_RETURN_IF_ERROR(files.MakeDirectory(prepared.directory(), DirectoryMode(base.mode)));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> directory, files.Open(prepared.directory(), OpenMode::kRead));
  EFS_RETURN_IF_ERROR(directory->ChangeMode(DirectoryMode(base.mode)));
  const std::string id = NewUuid();
  EFS_RETURN_IF_ERROR(WriteNewFile(files, prepared.id(), id + "\n", (base.mode & 0444) | 0400));
  EFS_ASSIGN_OR_RETURN(const WalHeader segment, WriteNewSegment(files, prepared.segment(kFirstSegment), page_size, {0},
                                                                Successor::kWriters, mode));
  EFS_RETURN_IF_ERROR(WriteFirstLease(files, prepared, id, segment, mode));
  if (before) EFS_RETURN_IF_ERROR(before(prepared, id));
  return preparation.MoveTo(layout);
}

Status CreateDatabase(FileSystem& files, const Layout& layout, uint32_t page_size, const BeforeGoingLive& before) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> base, files.Open(layout.base(), OpenMode::kWrite));
  EFS_RETURN_IF_ERROR(base->WriteAt(0, EmptyDatabasePage(page_size)));
  EFS_RETURN_IF_ERROR(base->Sync());
  return CreateLogDirectory(files, layout, page_size, before);
}

void RemovePreparations(FileSystem& files, const Layout& layout) {
  const Result<std::vector<std::string>> names = files.List(FolderOf(layout.base()));
  if (!names.ok()) return;
  const std::string prefix = FileNameOf(layout.directory()) + kPreparationSuffix;
  for (const std::string& name : *names) {
    if (name.starts_with(prefix)) RemoveTree(files, FolderOf(layout.base()) + name);
  }
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
