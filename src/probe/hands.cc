#include "probe/hands.h"

namespace sqlite_efs::probe {

// A second process that is started on a thread would end with the thread: prctl(2), PR_SET_PDEATHSIG.
Status LocalHand::Send(const std::string& request) {
  const std::launch when = request.starts_with("race ") ? std::launch::async : std::launch::deferred;
  answer_ = std::async(when, [this, request] { return actor_.Do(request); });
  return {};
}

Result<std::string> LocalHand::Receive() { return answer_.get(); }

Result<std::unique_ptr<ProcessHand>> ProcessHand::Start(FileSystem& files, const std::string& folder) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<Child> child, StartActor(files, folder));
  return std::unique_ptr<ProcessHand>(new ProcessHand(std::move(child)));
}

Result<std::string> ProcessHand::Receive() { return child_->Receive(kAnswerPatience); }

}  // namespace sqlite_efs::probe
