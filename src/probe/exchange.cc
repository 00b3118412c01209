#include "probe/exchange.h"

#include <map>

#include "os/interrupts.h"
#include "probe/actor.h"
#include "probe/hands.h"
#include "probe/words.h"

namespace sqlite_efs::probe {
namespace {

constexpr Duration kQuick = std::chrono::milliseconds(2);  // between looks for a message that is about to come
constexpr Duration kSlow = std::chrono::milliseconds(50);
constexpr Duration kExpected = std::chrono::seconds(2);
// After which it is asked whether the other one still has its lock.
constexpr Duration kDoubt = std::chrono::seconds(20);
constexpr Duration kDoubtAgain = std::chrono::seconds(5);
// For which a peer waits for a probe that shows no other life than its lock; and for one that shows none.
constexpr Duration kLongestSilence = std::chrono::minutes(5);
constexpr Duration kSilence = std::chrono::seconds(60);

std::string Numbered(const std::string& folder, const char* kind, uint64_t number) {
  return folder + "/" + kind + "." + std::to_string(number);
}

// A message, if it is in the folder: by a listing, which asks the server.
Result<std::optional<std::string>> Fetch(FileSystem& files, const std::string& folder, const std::string& path) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(folder));
  if (!Lists(names, path)) return std::optional<std::string>();
  return ReadMessage(files, path);
}

Duration Pause(Clock& clock, Instant since) { return clock.Now() - since < kExpected ? kQuick : kSlow; }

}  // namespace

Status PeerHand::Lost(const std::string& why) {
  lost_ = Status(StatusCode::kUnavailable, "the peer, " + party_.Text() + ", " + why);
  return *lost_;
}

Status PeerHand::Send(const std::string& request) {
  if (lost_) return *lost_;
  folder_.ShowLife();
  return PostMessage(files_, Numbered(folder_.path(), "request", ++number_), request);
}

Result<std::string> PeerHand::Receive() {
  if (lost_) return *lost_;
  const std::string path = Numbered(folder_.path(), "answer", number_);
  const Instant sent = clock_.Now();
  Instant doubt = sent + kDoubt;
  while (true) {
    EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(folder_.path()));
    const std::optional<std::string> answer = Lists(names, path) ? ReadMessage(files_, path) : std::nullopt;
    if (answer) {
      (void)files_.Remove(Numbered(folder_.path(), "request", number_));
      (void)files_.Remove(path);
      return *answer;
    }
    if (Lists(names, "gone")) return Lost("has ended");
    if (Interrupts::Noted()) return Lost("was not waited for");
    if (clock_.Now() - sent >= kAnswerPatience) return Lost("does not answer");
    if (clock_.Now() >= doubt) {
      const Result<bool> lives = IsLocked(files_, folder_.path() + "/peer");
      if (lives.ok() && !*lives) return Lost("has died");
      doubt = clock_.Now() + kDoubtAgain;
    }
    folder_.ShowLife();
    clock_.Sleep(Pause(clock_, sent));
  }
}

std::unique_ptr<PeerHand> AwaitPeer(FileSystem& files, Clock& clock, Folder& folder, Duration wait) {
  const Instant deadline = clock.Now() + wait;
  while (true) {
    const Result<std::optional<std::string>> message = Fetch(files, folder.path(), folder.path() + "/peer");
    const std::optional<Party> party = message.ok() && *message ? ParseParty(**message) : std::nullopt;
    if (party) return std::make_unique<PeerHand>(files, clock, folder, *party);
    if (clock.Now() >= deadline || Interrupts::Noted()) return nullptr;
    folder.ShowLife();
    clock.Sleep(kSlow);
  }
}

// --- the peer's end

namespace {

// Whether a probe lives: it holds its lock, or has changed its times since the first call.
class SignsOfLife {
 public:
  bool Shows(FileSystem& files, const std::string& folder) {
    const Result<bool> locked = IsLocked(files, folder + "/probe");
    if (locked.ok() && *locked) return true;
    const std::optional<int64_t> time = TimeOf(files, folder);
    if (!time) return false;
    const auto [first, is_new] = first_seen_ns_.emplace(folder, *time);
    return !is_new && first->second != *time;
  }
  static std::optional<int64_t> TimeOf(FileSystem& files, const std::string& folder) {
    const Result<std::unique_ptr<File>> probe = files.Open(folder + "/probe", OpenMode::kRead);
    const Result<FileAttributes> seen = probe.ok() ? (*probe)->Look() : probe.status();
    return seen.ok() ? std::optional(seen->mtime_ns) : std::nullopt;
  }

 private:
  std::map<std::string, int64_t> first_seen_ns_;
};

Status Interrupted() { return {StatusCode::kUnavailable, "the peer was interrupted"}; }

// The next request; the folder's end is kNotFound.
class Requests {
 public:
  Requests(FileSystem& files, Clock& clock, std::string folder)
      : files_(files), clock_(clock), folder_(std::move(folder)) {}

  Result<std::string> Await() {
    const std::string path = Numbered(folder_, "request", ++number_);
    const Instant begun = clock_.Now();
    Instant alive = begun;
    std::optional<int64_t> life_ns;
    while (true) {
      EFS_ASSIGN_OR_RETURN(const std::optional<std::string> request, Fetch(files_, folder_, path));
      if (request) return *request;
      if (Interrupts::Noted()) return Interrupted();
      const std::optional<int64_t> now_ns = SignsOfLife::TimeOf(files_, folder_);
      if (now_ns != life_ns) alive = clock_.Now();
      life_ns = now_ns;
      const Duration silence = clock_.Now() - alive;
      const Result<bool> locked = silence >= kSilence ? IsLocked(files_, folder_ + "/probe") : true;
      if (!locked.ok() || !*locked || silence >= kLongestSilence) {
        return Status(StatusCode::kUnavailable, "the probe of " + folder_ + " shows no life any more");
      }
      clock_.Sleep(Pause(clock_, begun));
    }
  }
  Status Answer(const std::string& line) { return PostMessage(files_, Numbered(folder_, "answer", number_), line); }

 private:
  FileSystem& files_;
  Clock& clock_;
  const std::string folder_;
  uint64_t number_ = 0;
};

Result<std::string> Serve(Requests& requests, Actor& actor, const std::function<void(const std::string&)>& told) {
  while (true) {
    EFS_ASSIGN_OR_RETURN(const std::string request, requests.Await());
    const bool is_end = request.starts_with("end ");
    const bool is_said = request.starts_with("say ");
    if (is_said) told(request.substr(4));
    const Status answered = requests.Answer(is_end || is_said ? AnswerLine(std::string()) : actor.Do(request));
    if (is_end) return request.substr(4);
    EFS_RETURN_IF_ERROR(answered);
  }
}

}  // namespace

Result<Joined> JoinProbe(FileSystem& files, Clock& clock, const std::string& directory, Duration wait) {
  const Instant deadline = clock.Now() + wait;
  SignsOfLife life;
  while (true) {
    EFS_ASSIGN_OR_RETURN(const std::vector<std::string> folders, ListFolders(files, directory));
    for (const std::string& folder : folders) {
      const Result<std::vector<std::string>> names = files.List(folder);
      if (!names.ok() || !Lists(*names, "probe") || Lists(*names, "peer") || !life.Shows(files, folder)) continue;
      Result<std::unique_ptr<File>> peer = PostLocked(files, clock, folder + "/peer", MessageOf(ThisParty(files)));
      if (peer.ok()) return Joined{folder, std::move(*peer)};
      if (peer.status().Is(StatusCode::kReadOnly)) {
        return Status(StatusCode::kReadOnly,
                      peer.status().message() + "; run the peer as the user that runs the probe");
      }
    }
    if (Interrupts::Noted()) return Interrupted();
    if (clock.Now() >= deadline) {
      return Status(StatusCode::kUnavailable,
                    "there is no probe in " + directory + " that waits for a peer; run `sqlite-efs probe " + directory +
                        " --wait 60` on the other host, and make sure that it is the same directory of the same "
                        "file system");
    }
    clock.Sleep(kSlow);
  }
}

Result<std::string> ServeProbe(FileSystem& files, Clock& clock, Joined joined,
                               const std::function<void(const std::string&)>& told) {
  const std::string& folder = joined.folder;
  Result<std::string> last_word = std::string();
  {
    Actor actor(files, folder);
    Requests requests(files, clock, folder);
    last_word = Serve(requests, actor, told);
  }
  if (last_word.ok()) return last_word;
  (void)PostMessage(files, folder + "/gone", "gone");
  if (last_word.status().Is(StatusCode::kNotFound) || last_word.status().Is(StatusCode::kStale)) {
    return Status(StatusCode::kUnavailable, "the probe has ended before its last question; start both again");
  }
  // A probe that was killed on the way: nobody else will remove what it has left. No NFS client keeps what is closed.
  joined.peer.reset();
  const Result<bool> locked = IsLocked(files, folder + "/probe");
  if (!Interrupts::Noted() && locked.ok() && !*locked) (void)RemoveFolder(files, clock, folder);
  return last_word;
}

}  // namespace sqlite_efs::probe
