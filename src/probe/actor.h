#ifndef SQLITE_EFS_PROBE_ACTOR_H_
#define SQLITE_EFS_PROBE_ACTOR_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/child.h"
#include "os/file_system.h"

namespace sqlite_efs::probe {

// Does what requests ask, in one folder, through descriptors and caches of its own. Requests, with ID a word that the
// asker chooses for a file, and NAME a file of the folder:
//     open ID NAME MODE        MODE: read, fresh, write, readwrite, new
//     close ID                 look ID, touch ID: the attributes (words.h)
//     read ID OFFSET LENGTH    a digest (pattern.h)
//     write ID OFFSET LENGTH SEED, sync ID, truncate ID SIZE, chmod ID MODE
//     lock ID                  yes or no, for SQLite's locking bytes; unlock ID
//     stat NAME, list NAME     "." is the folder
//     link OLD NEW, rename OLD NEW, remove NAME, mkdir NAME, rmdir NAME, syncdir NAME
//     pin NAME, create-pinned NAME/FILE: through the directory that was pinned last
//     race ...                 race.h
//     sub REQUEST              a second process of this machine does it; kill: that one, by SIGKILL
//     machine                  FileSystem::Machine()
// It touches nothing outside the folder, whatever a request says. Not thread-safe.
class Actor {
 public:
  Actor(FileSystem& files, std::string folder) : files_(files), folder_(std::move(folder)) {}

  // The line that answers the request.
  std::string Do(const std::string& request);

 private:
  using Words = std::vector<std::string>;
  using Answer = Result<std::string>;

  Answer Try(const std::string& request);
  Answer OnFile(const Words& words);
  Answer OnNames(const Words& words);
  Answer Open(const Words& words);
  Answer Read(File& file, uint64_t offset, uint64_t length);
  Answer List(const std::string& name);
  Answer CreatePinned(const std::string& name);
  Answer Sub(const std::string& request);
  // The path of a name that lies in the folder or in a folder of it.
  Result<std::string> PathOf(const std::string& name) const;

  FileSystem& files_;
  const std::string folder_;
  std::map<std::string, std::unique_ptr<File>> open_;
  std::unique_ptr<FileSystem> pinned_;
  std::unique_ptr<Child> sub_;
};

// A second process of this machine that answers each line as an actor of its own does.
Result<std::unique_ptr<Child>> StartActor(FileSystem& files, const std::string& folder);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_ACTOR_H_
