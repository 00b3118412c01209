#include "aws/program_credentials.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "os/per_process.h"

namespace sqlite_efs {
namespace {

constexpr std::chrono::seconds kLongestWait{5};

struct Setting {
  ProgramCredentials credentials;
  const Setting* former;  // kept: who reads it takes no lock
};

std::atomic<const Setting*> present_setting = nullptr;

// Calls under way in one process; a child of fork() might find its parent's locked for ever.
struct Calls {
  std::mutex mutex;
  std::condition_variable ended;
  int count = 0;
};

Calls& CallsOfProcess() {
  static PerProcess<Calls> calls;
  return calls.Get([] { return std::make_unique<Calls>(); });
}

class FromProgram : public CredentialsSource {
 public:
  Result<Credentials> Fetch(Duration limit) override {
    Calls& calls = CallsOfProcess();
    ProgramCredentials program;
    {
      const std::lock_guard lock(calls.mutex);
      if (const Setting* setting = present_setting.load()) program = setting->credentials;
      if (program.fetch == nullptr) return Status(StatusCode::kNotFound, "this program supplies none of its own");
      calls.count++;
    }
    Result<Credentials> found = program.fetch(program.function, program.context, limit);
    const std::lock_guard lock(calls.mutex);
    calls.count--;
    calls.ended.notify_all();
    return found;
  }
};

}  // namespace

bool SetProgramCredentials(const ProgramCredentials& credentials) {
  Calls& calls = CallsOfProcess();
  std::unique_lock lock(calls.mutex);
  present_setting = new Setting{credentials, present_setting.load()};
  return calls.ended.wait_for(lock, kLongestWait, [&] { return calls.count == 0; });
}

std::unique_ptr<CredentialsSource> NewProgramCredentials() { return std::make_unique<FromProgram>(); }

}  // namespace sqlite_efs
