// What the engine costs beside stock SQLite: engine_benchmark FOLDER ROUNDS [--benchmark_...]
// A benchmark for each workload, engine and round, named so; in each round the engines take turns.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "instructions.h"
#include "sqlite_efs.h"
#include "workloads.h"

namespace sqlite_efs::bench {
namespace {

// Before the first figure an engine does what it does in so many rounds, so that caches are full and logs are merged.
constexpr int kWarmRounds = 7;
// Whole numbers below it are their own doubles.
constexpr int64_t kExact = int64_t{1} << 52;

// One engine at one workload, from its first round to its last.
class Contestant {
 public:
  Contestant(const Workload& workload, const Engine& engine, std::string parent)
      : workload_(workload), engine_(engine), parent_(std::move(parent)) {}

  void Run(benchmark::State& state, const Instructions& instructions, bool is_last) {
    if (!place_) Prepare();
    int64_t sum = 0;
    uint64_t others = instructions.Count();
    while (state.KeepRunning()) {
      sum += operation_.run();
      if (!operation_.clean_up) continue;
      state.PauseTiming();
      others -= instructions.Count();
      operation_.clean_up();
      others += instructions.Count();
      state.ResumeTiming();
    }
    const uint64_t counted = instructions.Count() - others;
    if (counted != 0) state.counters["instructions"] = static_cast<double>(counted) / workload_.times;
    state.counters["sum"] = static_cast<double>(sum % kExact);
    if (is_last) {
      operation_ = {};
      place_.reset();
    }
  }

 private:
  void Prepare() {
    place_ = std::make_unique<Place>(parent_, engine_);
    operation_ = workload_.prepare(*place_, parent_ + "/original");
    for (int i = 0; i < kWarmRounds * workload_.times; i++) {
      operation_.run();
      if (operation_.clean_up) operation_.clean_up();
    }
  }

  const Workload& workload_;
  const Engine& engine_;
  const std::string parent_;
  std::unique_ptr<Place> place_;
  Operation operation_;
};

void Register(const Workload& workload, const std::string& folder, int rounds, const Instructions& instructions) {
  std::vector<std::pair<std::string, std::shared_ptr<Contestant>>> contestants;
  for (const Engine& engine : Engines()) {
    if (engine.name == "efs-linger" && !workload.also_with_kept_lease) continue;
    const std::string name = workload.name + "/" + engine.name + "/";
    contestants.emplace_back(name, std::make_shared<Contestant>(workload, engine, folder));
  }
  for (int round = 0; round < rounds; round++) {
    for (const auto& [name, contestant] : contestants) {
      const auto run = [contestant, &instructions, is_last = round + 1 == rounds](benchmark::State& state) {
        contestant->Run(state, instructions, is_last);
      };
      benchmark::RegisterBenchmark((name + std::to_string(round)).c_str(), run)
          ->Iterations(workload.times)
          ->MeasureProcessCPUTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

int Main(int argc, char** argv) {
  const Instructions instructions;  // before any thread
  benchmark::Initialize(&argc, argv);
  const int rounds = argc == 3 ? std::atoi(argv[2]) : 0;  // NOLINT(cert-err34-c): what is no number is 0
  if (rounds <= 0 || !std::filesystem::is_directory(argv[1])) {
    std::cerr << "usage: engine_benchmark FOLDER ROUNDS [--benchmark_...]\n";
    return 2;
  }
  const std::string folder = argv[1];
  if (sqlite_efs_register(/*make_default=*/0) != SQLITE_OK) return 1;
  std::filesystem::remove(folder + "/original");
  MakeOriginal(folder + "/original");
  benchmark::AddCustomContext("sqlite", sqlite3_libversion());
  for (const Workload& workload : Workloads()) Register(workload, folder, rounds, instructions);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace sqlite_efs::bench

int main(int argc, char** argv) { return sqlite_efs::bench::Main(argc, argv); }
