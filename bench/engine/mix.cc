#include <algorithm>
#include <numeric>
#include <random>

#include "workloads.h"

namespace sqlite_efs::bench {
namespace {

constexpr int kRows = 4000;
constexpr int64_t kNumbers = 40000;  // of which rows have one each, by chance
constexpr int kLookUps = 2000;
constexpr int kRanges = 60;
constexpr int kScans = 8;  // that read the whole table
constexpr int kChanges = 1000;

using Random = std::mt19937_64;

int64_t Below(Random& random, int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); }

// A number in words, digit by digit: texts that begin alike are few.
std::string InWords(int64_t number) {
  static constexpr std::string_view kDigits[] = {"nil",  "one", "two",   "three", "four",
                                                 "five", "six", "seven", "eight", "nine"};
  std::string words;
  for (const char digit : std::to_string(number)) words.append(kDigits[digit - '0']).append(" ");
  return words;
}

std::vector<int64_t> Shuffled(Random& random, int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 1);
  std::shuffle(numbers.begin(), numbers.end(), random);
  return numbers;
}

// One transaction around `work`.
template <typename Work>
void InTransaction(Connection& db, Work work) {
  db.Execute("BEGIN");
  work();
  db.Execute("COMMIT");
}

void Insert(Connection& db, Random& random) {
  db.Execute(
      "CREATE TABLE plain(a INTEGER, b INTEGER, c TEXT);"
      "CREATE TABLE keyed(a INTEGER PRIMARY KEY, b INTEGER, c TEXT);"
      "CREATE TABLE clustered(a TEXT PRIMARY KEY, b INTEGER) WITHOUT ROWID");
  const auto fill = [&](std::string_view sql, bool in_order) {
    Statement insert = db.Prepare(sql);
    std::vector<int64_t> keys = Shuffled(random, kRows);
    if (in_order) std::sort(keys.begin(), keys.end());
    InTransaction(db, [&] {
      for (const int64_t key : keys) {
        const int64_t number = Below(random, kNumbers);
        insert.Bind(key).Bind(number).Bind(InWords(number)).Run();
      }
    });
  };
  fill("INSERT INTO plain VALUES (?, ?, ?)", true);
  fill("INSERT INTO keyed VALUES (?, ?, ?)", false);
  fill("INSERT OR REPLACE INTO clustered SELECT ?3, ?2 + ?1", false);
}

void ReadWithoutIndex(Connection& db, Random& random) {
  Statement range = db.Prepare("SELECT count(*), avg(b) FROM plain WHERE b BETWEEN ?1 AND ?1 + 1000");
  Statement like = db.Prepare("SELECT count(*) FROM plain WHERE c LIKE '%' || ? || '%'");
  Statement sorted = db.Prepare("SELECT b, c FROM plain WHERE c > ? ORDER BY c DESC LIMIT 100");
  InTransaction(db, [&] {
    for (int i = 0; i < kScans; i++) {
      range.Bind(Below(random, kNumbers)).Run();
      like.Bind(InWords(Below(random, 100))).Run();
      sorted.Bind(InWords(Below(random, 10))).Run();
    }
  });
}

void ReadWithIndex(Connection& db, Random& random) {
  db.Execute("CREATE INDEX plain_b ON plain(b); CREATE INDEX plain_c ON plain(c, a)");
  Statement range = db.Prepare("SELECT count(*), avg(a) FROM plain WHERE b BETWEEN ?1 AND ?1 + 1000");
  Statement by_text = db.Prepare("SELECT a FROM plain WHERE c >= ? ORDER BY c LIMIT 10");
  Statement by_key = db.Prepare("SELECT b, c FROM keyed WHERE a = ?");
  for (int i = 0; i < kRanges; i++) range.Bind(Below(random, kNumbers)).Run();
  for (int i = 0; i < kLookUps; i++) by_key.Bind(1 + Below(random, kRows)).Run();
  InTransaction(db, [&] {
    for (int i = 0; i < kLookUps; i++) by_text.Bind(InWords(Below(random, kNumbers))).Run();
  });
}

void Join(Connection& db) {
  Statement by_key = db.Prepare("SELECT count(*), sum(k.b) FROM plain p JOIN keyed k ON k.a = p.a WHERE p.b % 3 = 0");
  Statement by_text =
      db.Prepare("SELECT count(*) FROM keyed k JOIN clustered c ON c.a = k.c LEFT JOIN plain p USING (c)");
  Statement nested = db.Prepare(
      "SELECT count(*) FROM keyed k WHERE b > (SELECT avg(b) FROM plain p WHERE p.b BETWEEN k.b - 100 AND k.b + 100)");
  Statement grouped =
      db.Prepare("SELECT b % 100, count(*), max(c) FROM keyed GROUP BY 1 HAVING count(*) > 1 ORDER BY 2");
  by_key.Run();
  by_text.Run();
  nested.Run();
  grouped.Run();
}

void Change(Connection& db, Random& random) {
  Statement by_key = db.Prepare("UPDATE keyed SET b = b + 1, c = c || 'more' WHERE a = ?");
  Statement by_range = db.Prepare("UPDATE plain SET a = a + 1 WHERE b BETWEEN ?1 AND ?1 + 500");
  Statement remove = db.Prepare("DELETE FROM keyed WHERE a = ?");
  Statement remove_range = db.Prepare("DELETE FROM plain WHERE b BETWEEN ?1 AND ?1 + 200");
  InTransaction(db, [&] {
    for (int i = 0; i < kChanges; i++) by_key.Bind(1 + Below(random, kRows)).Run();
  });
  for (int i = 0; i < kRanges; i++) by_range.Bind(Below(random, kNumbers)).Run();
  InTransaction(db, [&] {
    for (int i = 0; i < kChanges; i++) remove.Bind(1 + Below(random, kRows)).Run();
  });
  for (int i = 0; i < kRanges; i++) remove_range.Bind(Below(random, kNumbers)).Run();
  db.Execute(
      "INSERT INTO plain SELECT b, a, c FROM keyed; UPDATE plain SET b = b + 1; DELETE FROM clustered WHERE b % 2;"
      "ALTER TABLE plain ADD COLUMN d; DROP INDEX plain_b; DROP TABLE clustered; PRAGMA integrity_check");
}

}  // namespace

int64_t Mix(Connection& connection) {
  Random random(1);
  Insert(connection, random);
  ReadWithoutIndex(connection, random);
  ReadWithIndex(connection, random);
  Join(connection);
  Change(connection, random);
  return connection
      .Prepare("SELECT sum(a + b + length(c)) FROM (SELECT * FROM keyed UNION ALL SELECT a, b, c FROM plain)")
      .Run();
}

}  // namespace sqlite_efs::bench
