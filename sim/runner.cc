#include "sim/runner.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string_view>

namespace sqlite_efs::sim {
namespace {

constexpr size_t kMaxViolations = 16;  // a job keeps no more
constexpr size_t kText_bytes = 600;
constexpr int kMaxReductions = 400;

using Text = std::array<char, kText_bytes>;

void Copy(const std::string& from, Text* to) {
  const size_t size = std::min(from.size(), to->size() - 1);
  std::memcpy(to->data(), from.data(), size);
  (*to)[size] = '\0';
}

// What a job tells its parent, also by its death.
struct Job {
  struct Found {
    uint64_t seed;
    Text what;
  };
  Totals totals;
  uint64_t next = 0;                    // the seed that is run, or comes next
  std::atomic<size_t> found_count = 0;  // other jobs look at it
  std::array<Found, kMaxViolations> found;

  void Note(uint64_t seed, const std::string& what) {
    if (found_count == found.size()) return;
    found[found_count].seed = seed;
    Copy(what, &found[found_count].what);
    found_count++;
  }
};

// Memory that children share with their parent, gone with it.
template <typename T>
T* Shared(size_t count) {
  void* const memory = ::mmap(nullptr, sizeof(T) * count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  T* const objects = static_cast<T*>(memory);
  for (size_t i = 0; i < count; i++) new (objects + i) T;
  return objects;
}

void RunJob(Job& job, uint64_t end, uint64_t step, const Options& options, const std::function<bool()>& enough) {
  while (job.next < end && !enough()) {
    Plan plan;
    plan.seed = job.next;
    const Report report = RunHistory(plan, options);
    job.totals.Add(report);
    if (!report.violation.empty()) job.Note(plan.seed, report.violation);
    job.next += step;
  }
}

pid_t Fork() {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child < 0) std::abort();
  return child;
}

std::string Death(int status) {
  return "the program was stopped by signal " + std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : 0) +
         " (a failed assertion, if it is 6)";
}

}  // namespace

void Totals::Add(const Report& report) {
  histories++;
  calls += report.calls;
  commits += report.commits;
  fewest_commits = std::min(fewest_commits, report.commits);
  fewest_faults = std::min(fewest_faults, report.faults);
  unknown += report.unknown;
  hosts += report.hosts;
  hash += report.hash;  // in whatever order they come
  for (size_t i = 0; i < kFaultKinds; i++) counts.faults[i] += report.counts.faults[i];
  for (size_t i = 0; i < kOps; i++) counts.calls[i] += report.counts.calls[i];
  counts.seals += report.counts.seals;
  counts.claims += report.counts.claims;
  counts.merges += report.counts.merges;
  counts.takeovers += report.counts.takeovers;
  clients.conflicts += report.clients.conflicts;
  clients.errors += report.clients.errors;
  clients.reads += report.clients.reads;
  clients.upgrades += report.clients.upgrades;
  clients.detaches += report.clients.detaches;
}

void Totals::Add(const Totals& other) {
  Report sum;
  sum.calls = other.calls;
  sum.commits = other.commits;
  sum.unknown = other.unknown;
  sum.hosts = other.hosts;
  sum.hash = other.hash;
  sum.counts = other.counts;
  sum.clients = other.clients;
  const uint64_t least_commits = std::min(fewest_commits, other.fewest_commits);
  const uint64_t least_faults = std::min(fewest_faults, other.fewest_faults);
  Add(sum);
  histories += other.histories - 1;
  fewest_commits = least_commits;
  fewest_faults = least_faults;
}

Verdicts RunHistories(uint64_t first, uint64_t histories, int jobs, bool until_violation, const Options& options) {
  Job* const shared = Shared<Job>(static_cast<size_t>(jobs));
  const auto enough = [&] {
    return until_violation && std::any_of(shared, shared + jobs, [](const Job& job) { return job.found_count > 0; });
  };
  std::vector<pid_t> children(static_cast<size_t>(jobs));
  const uint64_t end = first + histories;
  const auto start = [&](size_t i) {
    children[i] = Fork();
    if (children[i] != 0) return;
    RunJob(shared[i], end, static_cast<uint64_t>(jobs), options, enough);
    std::fflush(stdout);
    ::_exit(0);
  };
  for (size_t i = 0; i < children.size(); i++) {
    shared[i].next = first + i;
    start(i);
  }
  Verdicts verdicts;
  for (size_t i = 0; i < children.size(); i++) {
    int status = 0;
    while (::waitpid(children[i], &status, 0) == children[i] && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
      shared[i].Note(shared[i].next, Death(status));
      shared[i].next += static_cast<uint64_t>(jobs);
      start(i);
    }
    verdicts.totals.Add(shared[i].totals);
    for (size_t k = 0; k < shared[i].found_count; k++) {
      verdicts.violations.push_back({shared[i].found[k].seed, shared[i].found[k].what.data()});
    }
  }
  ::munmap(shared, sizeof(Job) * children.size());
  std::sort(verdicts.violations.begin(), verdicts.violations.end(),
            [](const Violation& a, const Violation& b) { return a.seed < b.seed; });
  return verdicts;
}

std::string Try(const Plan& plan, const Options& options) {
  Text* const what = Shared<Text>(1);
  const pid_t child = Fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(2);
    Copy(RunHistory(plan, options).violation, what);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const std::string text = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? what->data() : Death(status);
  ::munmap(what, sizeof(Text));
  return text;
}

Plan Reduce(Plan plan, const Options& options) {
  int runs = 0;
  const auto smaller = [&](const Plan& candidate) {
    if (runs++ >= kMaxReductions || Try(candidate, options).empty()) return false;
    plan = candidate;
    return true;
  };
  const PlanSize whole = SizeOf(plan, options);
  for (size_t fault = 0; fault < whole.faults; fault++) {
    Plan candidate = plan;
    if (candidate.masked_faults.insert(fault).second) smaller(candidate);
  }
  for (size_t client = 1; client <= whole.tasks.size(); client++) {
    // All of a client's tasks, then halves, then single ones.
    const size_t tasks = whole.tasks[client - 1];
    for (size_t size = tasks; size > 0; size /= 2) {
      for (size_t begin = 0; begin < tasks; begin += size) {
        Plan candidate = plan;
        for (size_t i = begin; i < std::min(begin + size, tasks); i++) candidate.masked_tasks.insert({client, i});
        if (candidate.masked_tasks != plan.masked_tasks) smaller(candidate);
      }
    }
  }
  return plan;
}

std::string FormatMasks(const Plan& plan) {
  std::string text;
  for (const size_t fault : plan.masked_faults) text += ",f" + std::to_string(fault);
  for (const auto& [client, task] : plan.masked_tasks) {
    text += ",c" + std::to_string(client) + "." + std::to_string(task);
  }
  return text.empty() ? text : text.substr(1);
}

bool ParseMasks(const std::string& text, Plan* plan) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    size_t first = 0;
    size_t second = 0;
    if (item.size() < 2) return false;
    const char* const end = item.data() + item.size();
    const auto number = std::from_chars(item.data() + 1, end, first);
    if (number.ec != std::errc()) return false;
    if (item[0] == 'f' && number.ptr == end) {
      plan->masked_faults.insert(first);
      continue;
    }
    if (item[0] != 'c' || number.ptr == end || *number.ptr != '.') return false;
    const auto task = std::from_chars(number.ptr + 1, end, second);
    if (task.ec != std::errc() || task.ptr != end) return false;
    plan->masked_tasks.insert({first, second});
  }
  return true;
}

}  // namespace sqlite_efs::sim
