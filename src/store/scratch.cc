#include "store/scratch.h"

#include <vector>

#include "base/uuid.h"

namespace sqlite_efs {
namespace {

constexpr char kSuffix[] = ".tmp.";  // of the log directory's name

std::string NewName(const Layout& layout) { return layout.directory() + kSuffix + NewUuid(); }

// It first gets a name that only we know: a rename into place that comes late must find all of it, or nothing.
void Remove(FileSystem& files, const Layout& layout, const std::string& directory) {
  const std::string doomed = NewName(layout);
  if (!files.Rename(directory, doomed).ok()) return;
  const Result<std::vector<std::string>> names = files.List(doomed);
  if (!names.ok()) return;
  for (const std::string& name : *names) (void)files.Remove(doomed + "/" + name);
  (void)files.RemoveDirectory(doomed);
}

}  // namespace

Scratch::Scratch(FileSystem& files, const Layout& layout)
    : files_(files), target_(layout), layout_(layout.base(), NewName(layout)) {}

Scratch::~Scratch() {
  if (!moved_) Remove(files_, target_, layout_.directory());
}

Status Scratch::Make(uint32_t permissions) {
  EFS_RETURN_IF_ERROR(files_.MakeDirectory(layout_.directory(), permissions));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> directory, files_.Open(layout_.directory(), OpenMode::kRead));
  return directory->ChangeMode(permissions);  // whatever the umask
}

Status Scratch::MoveIntoPlace() {
  EFS_RETURN_IF_ERROR(files_.SyncDirectory(layout_.directory()));
  EFS_RETURN_IF_ERROR(files_.Rename(layout_.directory(), target_.directory()));
  moved_ = true;
  return files_.SyncDirectory(FolderOf(target_.base()));
}

void RemoveScratch(FileSystem& files, const Layout& layout) {
  const Result<std::vector<std::string>> names = files.List(FolderOf(layout.base()));
  if (!names.ok()) return;
  const std::string prefix = FileNameOf(layout.directory()) + kSuffix;
  for (const std::string& name : *names) {
    if (name.starts_with(prefix)) Remove(files, layout, FolderOf(layout.base()) + name);
  }
}

}  // namespace sqlite_efs
