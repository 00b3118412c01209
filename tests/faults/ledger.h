#ifndef SQLITE_EFS_TESTS_FAULTS_LEDGER_H_
#define SQLITE_EFS_TESTS_FAULTS_LEDGER_H_

#include <array>
#include <cstddef>
#include <string>

#include "testing/sqlite_database.h"

namespace sqlite_efs::faults {

// What a program was told of a transaction.
enum class Answer {
  kNotTried,
  kUnknown,  // nothing yet, or that it is not known: it may be there or not
  kAcknowledged,
  kRefused,
};

// A transaction of the scenario inserts `rows` rows of `size` bytes into table t, and its number into table done.
struct Transaction {
  int rows;
  int size;
};
inline constexpr std::array<Transaction, 12> kTransactions = {{
    {8, 1500},  // 0: of the database before it went live
    {2, 200},
    {9, 2500},  // more than the buffers of SQLite and of the engine
    {9, 2500},  // the same, and rolled back
    {1, 300},
    {8, 2500},  // its writer is killed
    {2, 400},
    {9, 2500},
    {1, 100},
    {1, 100},  // of another process, while the one with the fault is stopped
    {2, 100},  // of a fresh process, after all
    {1, 100},  // and of another one
}};
inline constexpr size_t kMaxComplaint_bytes = 2000;

// The answers of one run. Lies in memory that is shared by all its processes.
struct Ledger {
  std::array<Answer, kTransactions.size()> answers;
  std::array<bool, kTransactions.size()> seen;  // by somebody who read: it must stay
  char complaint[kMaxComplaint_bytes];          // the first thing that was not as it must be; empty: none

  void Complain(const std::string& text);
};

// The content of a row of transaction `number`, when it is committed.
std::string RowOf(size_t number);

// Reads the whole database and compares it with the ledger. The extended result code of what could not be read, which
// is no complaint.
int ReadAndJudge(testing::SqliteDatabase& db, Ledger* ledger, const std::string& who);

}  // namespace sqlite_efs::faults

#endif  // SQLITE_EFS_TESTS_FAULTS_LEDGER_H_
