#ifndef SQLITE_EFS_TESTS_FAULTS_SCENARIO_H_
#define SQLITE_EFS_TESTS_FAULTS_SCENARIO_H_

#include <array>
#include <atomic>
#include <string>

#include "ledger.h"

namespace sqlite_efs::faults {

// The life of one database, in processes that run one after another, each by fork() of one that has done nothing yet.
// Each function is one process: it may meet faults, notes in the ledger what it was told, and goes on.
struct Scenario {
  std::string database;  // its path
  Ledger* ledger;
  std::atomic<int64_t>* skipped_ns;  // of time, by all processes: nobody waits for a process that does something else

  void FirstWriter() const;   // attaches, writes, and is killed in a transaction
  void SecondWriter() const;  // takes over, writes, merges
  void Detacher() const;

  // Another process, while one of those is stopped.
  void Bystander() const;

  // After all, without faults.
  void Checker() const;  // verifies, reads and writes
  void LastOne() const;  // writes, and makes it an ordinary file, which stock SQLite checks
};

// The transactions that the writers commit when nothing goes wrong.
inline constexpr std::array<size_t, 6> kCommitted = {1, 2, 4, 6, 7, 8};

// Makes an ordinary database with transaction 0 in it.
void MakeDatabase(const std::string& path);

}  // namespace sqlite_efs::faults

#endif  // SQLITE_EFS_TESTS_FAULTS_SCENARIO_H_
