#include "sim/world.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace sqlite_efs::sim {
namespace {

constexpr Time kSoftMount = 20 * kSecond;
constexpr Time kLatest = 40 * kSecond;  // until a late effect
constexpr Time kSoon = 2 * kSecond;
constexpr Time kLongestHold = 60 * kSecond;
constexpr int64_t kJump_ms = 10'000'000;
constexpr uint64_t kDrift = 200;  // parts per thousand, both ways

// On files, now or later.
bool FailsCalls(FaultKind kind) {
  return kind == FaultKind::kError || kind == FaultKind::kErrorAfter || kind == FaultKind::kLate ||
         kind == FaultKind::kTornWrite || kind == FaultKind::kSyncError || kind == FaultKind::kFullDisk ||
         kind == FaultKind::kCutHost;
}

Scheduler& scheduler() { return Scheduler::Get(); }

World* present = nullptr;

}  // namespace

World::World(uint64_t seed) : random(Mix(seed, 1)), latency(Mix(seed, 2)) {
  scheduler().Reset();
  server.Reset(Mix(seed, 3));
  present = this;
}

World::~World() { present = nullptr; }

World* World::Present() { return present; }

Host& World::AddHost(bool local) {
  const int number = static_cast<int>(hosts.size()) + 1;
  hosts.push_back(std::make_unique<Host>(server, number, local, latency.Next()));
  return *hosts.back();
}

Process& World::AddProcess(Host& host, uint8_t user) {
  Process& process = processes.emplace_back();
  process.world = this;
  process.host = &host;
  process.number = static_cast<int>(processes.size());
  process.user = user;
  process.actor.process = &process;
  if (host.is_frozen()) scheduler().Stop(&process.actor);
  return process;
}

void World::Kill(Process& process) {
  if (process.dead()) return;
  Say("process %d is killed", process.number);
  scheduler().Kill(&process.actor);
  const std::vector<OpenFile*> open = std::exchange(process.open, {});
  for (OpenFile* const file : open) {
    file->process = nullptr;
    if (!process.host->dead || process.host->local()) Close(*process.host, *file);
  }
}

void World::Close(Host& host, const OpenFile& file) {
  host.Closed(file.ino, file.writable);
  host.WhenWritten(file.ino, [this, &host, ino = file.ino, open = file.open] {
    server.Close(ino, open);
    RemoveHidden(host, ino);
  });
}

bool World::IsOpenOn(const Host& host, Ino ino) const {
  return std::any_of(processes.begin(), processes.end(), [&](const Process& process) {
    return process.host == &host && std::any_of(process.open.begin(), process.open.end(),
                                                [&](const OpenFile* file) { return file->ino == ino; });
  });
}

// The last process has closed it, perhaps: then the server removes what had been kept for it.
void World::RemoveHidden(Host& host, Ino ino) {
  if (host.hidden.empty() || IsOpenOn(host, ino)) return;
  std::erase_if(host.hidden, [&](const HiddenFile& file) {
    if (file.ino == ino) (void)server.Remove(file.directory, file.name);
    return file.ino == ino;
  });
}

void World::KillHost(Host& host) {
  if (host.dead) return;
  Say("host %d is killed", host.number());
  host.Die();
  for (Process& process : processes) {
    if (process.host == &host) Kill(process);
  }
}

void World::Stop(Process& process) { scheduler().Stop(&process.actor); }

void World::Continue(Process& process, Time since) {
  if (process.dead()) return;
  process.disturbed += scheduler().now() - since;
  Say("process %d goes on", process.number);
  scheduler().Continue(&process.actor);
}

void World::Freeze(Host& host, bool clock_stands) {
  Say("host %d freezes", host.number());
  host.Freeze(clock_stands);
  for (Process& process : processes) {
    if (process.host == &host && !process.dead()) Stop(process);
  }
}

void World::Thaw(Host& host, Time since) {
  host.Thaw();
  Say("host %d thaws", host.number());
  for (Process& process : processes) {
    if (process.host == &host) Continue(process, since);
  }
}

void World::HoldUntilProgress(const Fault& fault, std::function<void()> end) {
  const uint64_t times = 1 + fault.detail / 3 % 4;
  Hold& hold = holds_.emplace_back();
  hold.end = std::move(end);
  if (fault.detail % 3 == 0) hold.seals = counts.seals + 2 * times;
  if (fault.detail % 3 == 1) hold.merges = counts.merges + times;
  if (fault.detail % 3 == 2) hold.copyings = counts.copyings + times;
  scheduler().At(scheduler().now() + kLongestHold, [&hold] {
    if (hold.end) std::exchange(hold.end, nullptr)();
  });
}

void World::Progress() {
  for (Hold& hold : holds_) {
    if (!hold.end || counts.seals < hold.seals || counts.merges < hold.merges || counts.copyings < hold.copyings)
      continue;
    scheduler().At(scheduler().now(), std::exchange(hold.end, nullptr));
  }
}

Verdict World::Entering(Process& process, Op op) {
  calls++;
  counts.calls[static_cast<size_t>(op)]++;
  Thread* const thread = scheduler().current();
  if (thread != nullptr && op != Op::kSleep && op != Op::kSync && !AsksService(op)) thread->calls++;
  Verdict verdict;
  if (!faults_enabled) return verdict;
  for (Fault& fault : faults) {
    if (fault.masked || (!fault.any_op && fault.op != op)) continue;
    if (fault.countdown-- != 0) continue;
    fault.masked = true;
    Happen(process, fault, op, &verdict);
  }
  return verdict;
}

void World::HastenFaults() {
  for (Fault& fault : faults) {
    if (!fault.masked) Hasten(fault);
  }
}

void World::Happen(Process& process, const Fault& fault, Op op, Verdict* verdict) {
  Host& host = *process.host;
  counts.faults[static_cast<size_t>(fault.kind)]++;
  faults_met++;
  Say("fault %s at the next call (%s) of process %d, %.3f s", NameOf(fault.kind), NameOf(op), process.number,
      static_cast<double>(fault.duration) / kSecond);
  const Time now = scheduler().now();
  verdict->detail = fault.detail;
  if (FailsCalls(fault.kind)) {
    troubled_until = std::max(troubled_until, scheduler().now() + std::max(fault.duration, kLatest));
  }
  switch (fault.kind) {
    case FaultKind::kKillProcess:
      // Now, or while the call is under way.
      scheduler().At(scheduler().now() + static_cast<Time>(fault.detail % (2 * kMillisecond)) * (fault.detail >> 63),
                     [this, &process] { Kill(process); });
      break;
    case FaultKind::kStopProcess:
      Stop(process);
      scheduler().At(now + fault.duration, [this, &process, now] { Continue(process, now); });
      break;
    case FaultKind::kHold:
      Stop(process);
      HoldUntilProgress(fault, [this, &process, now] { Continue(process, now); });
      break;
    case FaultKind::kHoldHost:
      Freeze(host, false);
      HoldUntilProgress(fault, [this, &host, now] { Thaw(host, now); });
      break;
    case FaultKind::kStall:
      process.disturbed += fault.duration;
      (fault.detail % 2 == 0 ? verdict->delay_before : verdict->delay_after) = fault.duration;
      break;
    case FaultKind::kFreezeHost:
    case FaultKind::kFreezeClock:
      Freeze(host, fault.kind == FaultKind::kFreezeClock);
      scheduler().At(now + fault.duration, [this, &host, now] { Thaw(host, now); });
      break;
    case FaultKind::kKillHost:
      scheduler().At(scheduler().now(), [this, &host] { KillHost(host); });
      break;
    case FaultKind::kCutHost:
      if (host.local()) break;
      for (Process& other : processes) {
        if (other.host == &host) other.disturbed += fault.duration;
      }
      host.Cut();
      scheduler().At(scheduler().now() + fault.duration, [&host] {
        host.Heal();
        Scheduler::Get().Wake(&host);
      });
      break;
    case FaultKind::kError:
      verdict->outcome = Verdict::Outcome::kFails;
      break;
    case FaultKind::kErrorAfter:
      verdict->outcome = Verdict::Outcome::kFailsAfter;
      break;
    case FaultKind::kLate:
      verdict->outcome = host.local() ? Verdict::Outcome::kFails : Verdict::Outcome::kLate;
      break;
    case FaultKind::kTornWrite:
      verdict->outcome = Verdict::Outcome::kTorn;
      break;
    case FaultKind::kSyncError:
      if (host.local()) {
        verdict->outcome = Verdict::Outcome::kFailsAfter;
      } else {
        host.write_fails = true;
      }
      break;
    case FaultKind::kFullDisk:
      server.full = true;
      scheduler().At(scheduler().now() + fault.duration, [this] { server.full = false; });
      break;
    case FaultKind::kLostReply:
      verdict->outcome = Verdict::Outcome::kFailsAfter;
      break;
    case FaultKind::kLateRequest:
      verdict->outcome = Verdict::Outcome::kLate;
      break;
    case FaultKind::kDoubledRequest:
      verdict->outcome = Verdict::Outcome::kDoubled;
      break;
    case FaultKind::kServiceOut:
      service.out_until = scheduler().now() + fault.duration;
      break;
    case FaultKind::kClockJump:
      host.JumpWall(static_cast<int64_t>(fault.detail % (2 * kJump_ms)) - kJump_ms);
      break;
    case FaultKind::kClockDrift:
      host.Drift(static_cast<int32_t>(fault.detail % (2 * kDrift)) - static_cast<int32_t>(kDrift));
      break;
  }
}

// Most calls are quick, some are slow, a few are very slow: so that every order of two calls comes up.
void World::Travel(Process&, bool remote, Time extra) {
  const uint64_t draw = latency.Next();
  Time least = remote ? 100 * kMicrosecond : kMicrosecond;
  Time span = remote ? 300 * kMicrosecond : 20 * kMicrosecond;
  if (draw % 64 == 0) span = 20 * kMillisecond;
  if (draw % 1024 == 0) span = kSecond;
  scheduler().Sleep(least + static_cast<Time>((draw >> 16) % static_cast<uint64_t>(span)) + extra);
}

bool World::AwaitNetwork(Process& process) {
  Host& host = *process.host;
  const Time deadline = scheduler().now() + kSoftMount;
  while (host.is_cut() && !process.dead()) {
    if (!scheduler().Block(&host, deadline)) return !host.is_cut();
  }
  return true;
}

void World::Later(std::function<void()> effect) {
  if (!effect || latency.OneIn(4)) return;
  scheduler().At(scheduler().now() + latency.Magnitude(kMillisecond, latency.OneIn(2) ? kSoon : kLatest),
                 std::move(effect));
}

void World::Note(const Process& process, Op op, const std::string& path, int code) {
  const auto [a, b] = std::exchange(details_, {});
  const auto now = static_cast<uint64_t>(scheduler().now());
  hash = Mix(hash ^ now, (a << 32) ^ (b << 8) ^ static_cast<uint64_t>(code) ^ (static_cast<uint64_t>(op) << 56) ^
                             static_cast<uint64_t>(process.number));
  if (!tracing) return;
  const auto* const thread = scheduler().current();
  std::printf("%12.6f h%d p%d t%u %-8s %s %llu %llu -> %d\n", static_cast<double>(now) / kSecond,
              process.host->number(), process.number, thread == nullptr ? 0 : thread->id, NameOf(op), path.c_str(),
              static_cast<unsigned long long>(a), static_cast<unsigned long long>(b), code);
}

void World::Say(const char* format, ...) {
  if (!tracing) return;
  std::printf("%12.6f ", static_cast<double>(scheduler().now()) / kSecond);
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::printf("\n");
}

}  // namespace sqlite_efs::sim
