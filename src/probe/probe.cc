#include "probe/probe.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "os/interrupts.h"
#include "os/mount.h"
#include "probe/advice.h"
#include "probe/exchange.h"
#include "probe/folder.h"
#include "probe/hands.h"
#include "probe/report.h"

namespace sqlite_efs::probe {
namespace {

// One run of RunProbe().
class Probing {
 public:
  Probing(FileSystem& files, Clock& clock, const ProbeOptions& options, std::ostream& out)
      : files_(files), clock_(clock), options_(options), report_(out) {}

  Result<Outcome> Run() {
    EFS_ASSIGN_OR_RETURN(folder_, Folder::Make(files_, clock_, options_.directory));
    for (const std::string& left : RemoveStaleFolders(files_, clock_, *folder_)) report_.NameLeftFolder(left);
    const Result<Mount> mount = MountOf(folder_->path());
    is_shared_ = !mount.ok() || MayBeShared(*mount);
    report_.Describe(options_.directory, mount);
    EFS_ASSIGN_OR_RETURN(process_, ProcessHand::Start(files_, folder_->path()));
    MeetPeer(options_.wait);
    EFS_RETURN_IF_ERROR(AskAll());
    report_.SayUntested(is_shared_);
    const Outcome outcome = report_.Conclude(is_shared_, has_other_host(), options_.wait > Duration::zero());
    if (peer_) (void)Side(*peer_).Do("end " + report_.conclusion());
    return outcome;
  }

 private:
  bool has_other_host() const { return peer_ && peer_->party().machine != files_.Machine(); }

  void MeetPeer(Duration wait) {
    if (wait > Duration::zero()) report_.SayWaiting(options_.directory, wait);
    peer_ = AwaitPeer(files_, clock_, *folder_, wait);
    if (peer_) report_.NamePeer(peer_->party(), has_other_host());
  }

  Status AskAll() {
    LocalHand hand(files_, folder_->path());
    Side here(hand);
    Side process(*process_);
    bool had_peer = peer_ != nullptr;
    for (const Question& question : Questions()) {
      if (question.kind != Kind::kAlone && !had_peer) {
        MeetPeer(Duration::zero());  // one that waited before this probe began has come by now
        had_peer = true;
      }
      if (Interrupts::Noted()) return {StatusCode::kUnavailable, "the probe was interrupted"};
      folder_->ShowLife();
      AskOne(question, here, process);
    }
    return {};
  }

  void AskOne(const Question& question, Side& here, Side& process) {
    if (question.kind == Kind::kHosts && !peer_ && !is_shared_) return;
    report_.Ask(question);
    if (question.kind == Kind::kAlone) {
      return report_.Tell(Report::Who::kHere, AskPair(question, here, here));
    }
    if (question.kind != Kind::kHosts) report_.Tell(Report::Who::kProcess, AskPair(question, here, process));
    if (peer_) {
      Side peer(*peer_);
      (void)peer.Do(std::string("say ") + question.asks);
      report_.Tell(has_other_host() ? Report::Who::kHost : Report::Who::kPeerHere, AskPair(question, here, peer));
    }
    if (is_shared_ && !has_other_host()) report_.TellNeedsHost();
  }

  Answer AskPair(const Question& question, Side& here, Side& other) {
    const auto ask = [&](Side& one, Side& two) {
      const Place place = {clock_, "q" + std::to_string(++asked_)};
      Answer answer = AnswerTo(question, one, two, place);
      folder_->Tidy();
      return answer;
    };
    // The other one looks first, then this one, whose looks can be timed.
    if (question.kind == Kind::kBothWays) {
      Answer answer = ask(here, other);
      if (answer.verdict != Verdict::kYes) return Shortened(std::move(answer), "what is done here, there: ");
      return Shortened(ask(other, here), "what is done there, here: ");
    }
    return Shortened(ask(here, other), "");
  }

  // Without the folder's path, which says nothing; and with the direction, where it matters.
  Answer Shortened(Answer answer, const std::string& direction) const {
    const std::string path = folder_->path() + "/";
    for (size_t at; (at = answer.detail.find(path)) != std::string::npos;) answer.detail.erase(at, path.size());
    if (answer.verdict != Verdict::kYes) answer.detail = direction + answer.detail;
    return answer;
  }

  FileSystem& files_;
  Clock& clock_;
  const ProbeOptions& options_;
  Report report_;
  std::unique_ptr<Folder> folder_;
  std::unique_ptr<ProcessHand> process_;
  std::unique_ptr<PeerHand> peer_;
  bool is_shared_ = true;
  int asked_ = 0;
};

}  // namespace

Answer AnswerTo(const Question& question, Side& one, Side& two, const Place& place) {
  Result<Answer> answer = question.ask(one, two, place);
  if (answer.ok()) return *answer;
  const Status& failure = answer.status();
  // The rest are failures of calls that the engine cannot do without.
  const bool unknown = failure.Is(StatusCode::kUnavailable) || failure.Is(StatusCode::kFull) ||
                       failure.Is(StatusCode::kBusy) || failure.Is(StatusCode::kInvalid);
  const std::string remedy = failure.Is(StatusCode::kFull) ? "; free some space" : "";
  return {unknown ? Verdict::kCannotTell : Verdict::kNo, failure.message() + remedy};
}

Result<Outcome> RunProbe(FileSystem& files, Clock& clock, const ProbeOptions& options, std::ostream& out) {
  return Probing(files, clock, options, out).Run();
}

Status RunPeer(FileSystem& files, Clock& clock, const ProbeOptions& options, std::ostream& out) {
  EFS_RETURN_IF_ERROR(CheckDirectory(files, options.directory));
  out << "waiting for `sqlite-efs probe " << options.directory << "` on another host" << std::endl;
  EFS_ASSIGN_OR_RETURN(Joined joined, JoinProbe(files, clock, options.directory, options.wait));
  const std::string folder = joined.folder;
  const std::optional<std::string> message = ReadMessage(files, folder + "/probe");
  const std::optional<Party> party = message ? ParseParty(*message) : std::nullopt;
  out << "answering the probe of " << (party ? party->Text() : folder) << std::endl;
  if (party && party->machine == files.Machine()) {
    out << "it runs on this very machine (the same boot id): no answer is about a second host" << std::endl;
  }
  const auto tell = [&out](const std::string& asks) { out << "  " << asks << std::endl; };
  EFS_ASSIGN_OR_RETURN(const std::string last_word, ServeProbe(files, clock, std::move(joined), tell));
  out << "the probe has ended: " << last_word << std::endl;
  return {};
}

}  // namespace sqlite_efs::probe
