// fault_sweep FOLDER KIND once|persistent [N]
// Runs the scenario with call 1 going wrong, then with call 2, and so on to the last; or only with call N. Prints a
// line of JSON for every run that ended otherwise than it must, and one at the end. Needs fail_calls.so to be
// preloaded.

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <new>
#include <nlohmann/json.hpp>
#include <string>

#include "fault_plan.h"
#include "scenario.h"

namespace sqlite_efs::faults {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kHangs_s = 120;       // a process that takes longer will never end
constexpr uint32_t kMaxCalls = 100'000;  // of one scenario
constexpr int kMaxStops = 1000;          // of one process

const std::map<std::string, FaultKind> kKinds = {
    {"none", FaultKind::kNone},
    {"eio", FaultKind::kIoError},
    {"enospc", FaultKind::kNoSpace},
    {"estale", FaultKind::kStale},
    {"eintr", FaultKind::kInterrupted},
    {"short", FaultKind::kShort},
    {"torn", FaultKind::kTorn},
    {"reply-lost", FaultKind::kReplyLost},
    {"sync-drops", FaultKind::kDropped},
    {"killed", FaultKind::kKilled},
    {"killed-in-it", FaultKind::kKilledInIt},
    {"stopped", FaultKind::kStopped},
    {"stopped-in-it", FaultKind::kStoppedInIt},
    {"frozen", FaultKind::kFrozen},
    {"lying", FaultKind::kLying},
};

struct Shared {
  FaultPlan plan;
  Ledger ledger;
};

class Sweep {
 public:
  Sweep(const fs::path& folder, FaultKind kind, bool persistent, UsePlan use_plan)
      : folder_(folder), kind_(kind), persistent_(persistent), use_plan_(use_plan) {
    void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    shared_ = new (memory) Shared{};
    MakeDatabase(folder / "template");
  }

  // One run; whether a call went wrong.
  bool Run(uint32_t at) {
    const fs::path place = folder_ / "run";
    fs::remove_all(place);
    fs::create_directory(place);
    fs::copy_file(folder_ / "template", place / "db");
    FaultPlan& plan = shared_->plan;
    std::snprintf(plan.folder, sizeof plan.folder, "%s/", place.c_str());
    plan.kind = kind_;
    plan.at = at;
    plan.persistent = persistent_;
    plan.skipped_ns = 0;
    plan.calls = 0;
    plan.hit = 0;
    plan.what[0] = '\0';
    shared_->ledger = {};
    shared_->ledger.answers[0] = Answer::kAcknowledged;
    const Scenario scenario = {place / "db", &shared_->ledger, &plan.skipped_ns};
    RunWithFaults(scenario);
    Child("a fresh process", [&] { scenario.Checker(); });
    Child("the last process", [&] { scenario.LastOne(); });
    runs_++;
    CheckHidden();
    if (shared_->ledger.complaint[0] != '\0') Report(at);
    Count();
    return plan.hit != 0;
  }

  uint32_t hit() const { return shared_->plan.hit; }

  int Summarise() const {
    std::printf("%s\n", nlohmann::json{{"runs", runs_},
                                       {"calls", calls_},
                                       {"wrong", wrong_},
                                       {"acknowledged", acknowledged_},
                                       {"refused", refused_},
                                       {"unknown", unknown_}}
                            .dump()
                            .c_str());
    return wrong_ == 0 ? 0 : 1;
  }

 private:
  using Body = std::function<void()>;

  void RunWithFaults(const Scenario& scenario) {
    shared_->plan.armed = true;
    const auto bystander = [&] { scenario.Bystander(); };
    Child(
        "the first writer", [&] { scenario.FirstWriter(); }, bystander);
    Child(
        "the second writer", [&] { scenario.SecondWriter(); }, bystander);
    Child(
        "detach", [&] { scenario.Detacher(); }, bystander);
    shared_->plan.armed = false;
    if (shared_->plan.hit == 0) calls_ = shared_->plan.calls;
  }

  // A program does not notice what any system call may do.
  void CheckHidden() const {
    if (kind_ != FaultKind::kNone && kind_ != FaultKind::kShort && kind_ != FaultKind::kInterrupted) return;
    for (const size_t number : kCommitted) {
      if (shared_->ledger.answers[number] == Answer::kAcknowledged) continue;
      shared_->ledger.Complain("transaction " + std::to_string(number) + " failed");
    }
  }

  // Runs a process to its end; whenever it is stopped, another one first.
  void Child(const std::string& who, const Body& body, const Body& when_stopped = nullptr) {
    const pid_t child = Fork(body);
    int status = 0;
    for (int stops = 0; stops < kMaxStops; stops++) {
      if (::waitpid(child, &status, WUNTRACED) != child) std::abort();
      if (!WIFSTOPPED(status)) break;
      shared_->plan.armed = false;
      Child("a bystander", when_stopped);
      shared_->plan.armed = true;
      (void)::kill(child, SIGCONT);
    }
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;  // by itself
    const bool ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!killed && !ended) shared_->ledger.Complain(who + " ended with wait status " + std::to_string(status));
  }

  pid_t Fork(const Body& body) {
    const pid_t child = ::fork();
    if (child < 0) std::abort();
    if (child > 0) return child;
    ::alarm(kHangs_s);
    use_plan_(&shared_->plan);
    body();
    ::_exit(0);
  }

  void Report(uint32_t at) {
    wrong_++;
    std::printf("%s\n", nlohmann::json{{"at", at}, {"call", shared_->plan.what}, {"wrong", shared_->ledger.complaint}}
                            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                            .c_str());
    std::fflush(stdout);
  }

  void Count() {
    for (size_t i = 1; i < kTransactions.size(); i++) {
      const Answer answer = shared_->ledger.answers[i];
      acknowledged_ += answer == Answer::kAcknowledged ? 1 : 0;
      refused_ += answer == Answer::kRefused ? 1 : 0;
      unknown_ += answer == Answer::kUnknown ? 1 : 0;
    }
  }

  const fs::path folder_;
  const FaultKind kind_;
  const bool persistent_;
  const UsePlan use_plan_;
  Shared* shared_;
  uint32_t calls_ = 0;  // of a run in which none went wrong
  int runs_ = 0;
  int wrong_ = 0;
  int acknowledged_ = 0;
  int refused_ = 0;
  int unknown_ = 0;
};

int Main(int argc, char** argv) {
  const auto use_plan = reinterpret_cast<UsePlan>(::dlsym(RTLD_DEFAULT, kUsePlan));
  const auto kind = argc > 2 ? kKinds.find(argv[2]) : kKinds.end();
  if (argc < 4 || kind == kKinds.end() || use_plan == nullptr) {
    std::fprintf(stderr, "usage: LD_PRELOAD=fail_calls.so fault_sweep FOLDER KIND once|persistent [N]\n");
    return 2;
  }
  Sweep sweep(argv[1], kind->second, std::strcmp(argv[3], "persistent") == 0, use_plan);
  if (argc > 4) {
    sweep.Run(static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 10)));
    return sweep.Summarise();
  }
  for (uint32_t at = 1; at < kMaxCalls && sweep.Run(at); at = sweep.hit() + 1) {
  }
  return sweep.Summarise();
}

}  // namespace
}  // namespace sqlite_efs::faults

int main(int argc, char** argv) { return sqlite_efs::faults::Main(argc, argv); }
