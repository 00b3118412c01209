#include "ledger.h"

#include <cstdio>
#include <map>
#include <set>

namespace sqlite_efs::faults {
namespace {

struct Rows {
  int count = 0;
  std::string least;
  std::string greatest;
};
struct Content {
  std::set<size_t> done;
  std::map<size_t, Rows> rows;
};

std::string Text(sqlite3_stmt* statement, int column) {
  const unsigned char* const text = sqlite3_column_text(statement, column);
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

template <typename OnRow>
int ForEach(sqlite3* db, const char* sql, OnRow on_row) {
  sqlite3_stmt* statement = nullptr;
  int rc = sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
  while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) on_row(statement);
  const int finalized = sqlite3_finalize(statement);
  return rc != SQLITE_OK ? rc : finalized;
}

int ReadContent(sqlite3* db, Content* content) {
  int rc = sqlite3_exec(db, "BEGIN", nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return rc;
  rc = ForEach(db, "SELECT number FROM done",
               [&](sqlite3_stmt* row) { content->done.insert(static_cast<size_t>(sqlite3_column_int64(row, 0))); });
  const char* const rows = "SELECT number, count(*), min(data), max(data) FROM t GROUP BY number";
  if (rc == SQLITE_OK) {
    rc = ForEach(db, rows, [&](sqlite3_stmt* row) {
      content->rows[static_cast<size_t>(sqlite3_column_int64(row, 0))] = {sqlite3_column_int(row, 1), Text(row, 2),
                                                                          Text(row, 3)};
    });
  }
  const int ended = sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
  if (ended != SQLITE_OK) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
  return rc != SQLITE_OK ? rc : ended;
}

// "" where the transaction is as it was answered.
std::string Judge(size_t number, const Content& content, const Ledger& before, const Ledger& after) {
  const bool there = content.done.contains(number);
  const auto found = content.rows.find(number);
  const Rows rows = found == content.rows.end() ? Rows() : found->second;
  const int expected = there ? kTransactions[number].rows : 0;
  if (rows.count != expected) {
    return "is torn: " + std::to_string(rows.count) + " rows of " + std::to_string(expected);
  }
  if (there && (rows.least != RowOf(number) || rows.greatest != RowOf(number))) return "has rows of another content";
  if (!there && before.answers[number] == Answer::kAcknowledged) return "was acknowledged, and is lost";
  if (!there && before.seen[number]) return "was read, and is lost";
  if (there && after.answers[number] == Answer::kRefused) return "was refused, and is there";
  if (there && after.answers[number] == Answer::kNotTried) return "was never begun, and is there";
  return "";
}

}  // namespace

void Ledger::Complain(const std::string& text) {
  if (complaint[0] == '\0') std::snprintf(complaint, sizeof complaint, "%s", text.c_str());
}

std::string RowOf(size_t number) {
  return std::string(static_cast<size_t>(kTransactions[number].size), static_cast<char>('A' + number));
}

int ReadAndJudge(testing::SqliteDatabase& db, Ledger* ledger, const std::string& who) {
  const Ledger before = *ledger;  // what is answered from now on, the transaction need not see
  Content content;
  const int rc = ReadContent(db.get(), &content);
  if (rc != SQLITE_OK) return rc;
  for (size_t number = 0; number < kTransactions.size(); number++) {
    const std::string complaint = Judge(number, content, before, *ledger);
    if (!complaint.empty()) ledger->Complain(who + ": transaction " + std::to_string(number) + " " + complaint);
    ledger->seen[number] = ledger->seen[number] || content.done.contains(number);
  }
  return SQLITE_OK;
}

}  // namespace sqlite_efs::faults
