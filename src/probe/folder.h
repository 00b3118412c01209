#ifndef SQLITE_EFS_PROBE_FOLDER_H_
#define SQLITE_EFS_PROBE_FOLDER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/clock.h"
#include "os/file_system.h"

namespace sqlite_efs::probe {

// The folder `sqlite-efs-probe.UUID` that a probe makes in the directory that is asked about, and removes:
//     probe        who it is (party.h); the probe has it locked, and changes its times as long as it lives
//     peer         who answers from another host, and has it locked; made once
//     request.N    a question to it, counted from 1; answer.N; gone: the peer has ended
// All else belongs to the question that is being asked.
class Folder {
 public:
  // Fails with a sentence that names the directory, and what to do. Not there, no directory, not writable, full.
  static Result<std::unique_ptr<Folder>> Make(FileSystem& files, Clock& clock, const std::string& directory);
  // Removes it, with all that is in it.
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  // Says that the probe lives, once in a while at most.
  void ShowLife();
  // Removes what questions have made.
  void Tidy();

 private:
  Folder(FileSystem& files, Clock& clock, std::string path) : files_(files), clock_(clock), path_(std::move(path)) {}

  FileSystem& files_;
  Clock& clock_;
  const std::string path_;
  std::unique_ptr<File> probe_;
  std::optional<Instant> shown_;
};

// Whether there is such a directory; a failure says what to do.
Status CheckDirectory(FileSystem& files, const std::string& directory);

// Removes the folders of probes in the directory that have ended without doing so. Those of which this is not sure, as
// they are fresh and another host's, stay: their paths.
std::vector<std::string> RemoveStaleFolders(FileSystem& files, Clock& clock, const Folder& own);

// The folders of probes in a directory.
Result<std::vector<std::string>> ListFolders(FileSystem& files, const std::string& directory);

// A message (below) that is locked by who posted it for as long as the file is open, from before it can be read.
Result<std::unique_ptr<File>> PostLocked(FileSystem& files, Clock& clock, const std::string& path,
                                         const std::string& line);
// Whether one is: who posted it lives. Locks that do not reach other hosts show none.
Result<bool> IsLocked(FileSystem& files, const std::string& path);

// Whether the names of a folder have that of a path in it.
bool Lists(const std::vector<std::string>& names, const std::string& path);

// Removes a folder and what is in it, patiently: an NFS client keeps open files for a moment.
Status RemoveFolder(FileSystem& files, Clock& clock, const std::string& folder);

// A message is a file of one line. It is complete when Read...() has it; nothing before.
Status PostMessage(FileSystem& files, const std::string& path, const std::string& line);
std::optional<std::string> ReadMessage(FileSystem& files, const std::string& path);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_FOLDER_H_
