#ifndef SQLITE_EFS_PROBE_HANDS_H_
#define SQLITE_EFS_PROBE_HANDS_H_

#include <future>
#include <memory>
#include <string>

#include "os/child.h"
#include "probe/actor.h"
#include "probe/hand.h"

namespace sqlite_efs::probe {

// This process. A race runs on a thread of its own, all else in Receive().
class LocalHand final : public Hand {
 public:
  LocalHand(FileSystem& files, const std::string& folder) : actor_(files, folder) {}
  Status Send(const std::string& request) override;
  Result<std::string> Receive() override;

 private:
  Actor actor_;
  std::future<std::string> answer_;
};

// A second process of this machine, which ends with the object.
class ProcessHand final : public Hand {
 public:
  static Result<std::unique_ptr<ProcessHand>> Start(FileSystem& files, const std::string& folder);
  Status Send(const std::string& request) override { return child_->Send(request); }
  Result<std::string> Receive() override;

 private:
  explicit ProcessHand(std::unique_ptr<Child> child) : child_(std::move(child)) {}
  std::unique_ptr<Child> child_;
};

// How long an answer is waited for: a race of a hundred names on a slow server takes its time.
inline constexpr Duration kAnswerPatience = std::chrono::seconds(180);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_HANDS_H_
