#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "sim/history.h"

int main(int argc, char** argv) {
  using namespace sqlite_efs::sim;
  PrepareHistories();
  Options options;
  options.kinds.fill(false); if (getenv("K")) for (char* k = strtok(strdup(getenv("K")), ","); k; k = strtok(nullptr, ",")) for (size_t i = 0; i < kFaultKinds; i++) if (!strcmp(k, "all") || !strcmp(k, NameOf((FaultKind)i))) options.kinds[i] = true; options.detach = getenv("D") != nullptr; if (getenv("H")) options.hosts = atoi(getenv("H"));
  uint64_t seed = argc > 1 ? strtoull(argv[1], nullptr, 10) : 1;
  uint64_t n = argc > 2 ? strtoull(argv[2], nullptr, 10) : 1;
  uint64_t bad = 0, commits = 0, calls = 0;
  for (uint64_t s = seed; s < seed + n; s++) {
    Plan plan;
    plan.seed = s;
    plan.tracing = argc > 3;
    Report r = RunHistory(plan, options);
    commits += r.commits; calls += r.calls;
    if (!r.violation.empty()) { bad++; std::printf("seed %lu: %s\n", s, r.violation.c_str()); }
    if (n == 1) std::printf("commits %lu calls %lu hash %lx hosts %lu conflicts %lu errors %lu reads %lu seals %lu faults %lu unknown %lu\n", r.commits, r.calls, r.hash, r.hosts, r.clients.conflicts, r.clients.errors, r.clients.reads, r.counts.seals, r.faults, r.unknown);
  }
  std::printf("%lu histories, %lu bad, %lu commits, %lu calls\n", n, bad, commits, calls);
}
