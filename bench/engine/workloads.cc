#include "workloads.h"

#include <random>
#include <utility>

namespace sqlite_efs::bench {
namespace {

constexpr int kScanRows = 1000;
constexpr int kBulkRows = 10000;
constexpr std::string_view kWords = "a row of the length that rows have, with some words in it, and then some more";
constexpr char kInsert[] = "INSERT INTO item(category, amount, words) VALUES (?, ?, ?)";
constexpr char kSelect[] = "SELECT amount, words FROM item WHERE id = ?";

// A database, and what chooses in it: the same for each engine.
class Session {
 public:
  Session(const Place& place, const std::string& original) : connection_(place.OpenCopy(original)) {}
  Connection& connection() { return connection_; }
  Statement Prepare(std::string_view sql) { return connection_.Prepare(sql); }
  int64_t Below(int64_t limit) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit)); }
  int64_t Item() { return 1 + Below(kItems); }

 private:
  Connection connection_;
  std::mt19937_64 random_{1};
};

// An operation of one statement.
template <typename Bind>
Workload OfOneStatement(const std::string& name, int times, const std::string& sql, Bind bind) {
  return {name, times, [sql, bind](const Place& place, const std::string& original) -> Operation {
            auto session = std::make_shared<Session>(place, original);
            auto statement = std::make_shared<Statement>(session->Prepare(sql));
            return {[session, statement, bind] {
              bind(*statement, *session);
              return statement->Run();
            }};
          }};
}

void BindRow(Statement& statement, Session& session) {
  statement.Bind(session.Below(kCategories)).Bind(session.Below(1000)).Bind(kWords);
}

struct Transaction {
  Transaction(const Place& place, const std::string& original) : session(place, original) {}

  // Ten statements between the two that make it one transaction.
  int64_t Run() {
    int64_t sum = 0;
    begin.Run();
    for (int i = 0; i < 4; i++) sum += select.Bind(session.Item()).Run();
    for (int i = 0; i < 3; i++) {
      BindRow(insert, session);
      insert.Run();
    }
    for (int i = 0; i < 2; i++) update.Bind(session.Item()).Run();
    remove.Bind(session.Item()).Run();
    commit.Run();
    return sum;
  }

  Session session;
  Statement begin = session.Prepare("BEGIN");
  Statement select = session.Prepare(kSelect);
  Statement insert = session.Prepare(kInsert);
  Statement update = session.Prepare("UPDATE item SET amount = amount + 1 WHERE id = ?");
  Statement remove = session.Prepare("DELETE FROM item WHERE id = ?");
  Statement commit = session.Prepare("COMMIT");
};

struct Bulk {
  Bulk(const Place& place, const std::string& original) : session(place, original) {}

  int64_t Run() {
    begin.Run();
    for (int i = 0; i < kBulkRows; i++) insert.Bind(session.Below(kBulkRows)).Bind(kWords).Run();
    commit.Run();
    return kBulkRows;
  }

  Session session;
  Statement begin = session.Prepare("BEGIN");
  Statement insert = session.Prepare("INSERT INTO bulk(number, words) VALUES (?, ?)");
  Statement commit = session.Prepare("COMMIT");
};

Operation PrepareTransaction(const Place& place, const std::string& original) {
  auto transaction = std::make_shared<Transaction>(place, original);
  return {[transaction] { return transaction->Run(); }};
}

// The pages are used again: fresh memory would cost more than all else.
Operation PrepareBulk(const Place& place, const std::string& original) {
  auto bulk = std::make_shared<Bulk>(place, original);
  return {[bulk] { return bulk->Run(); }, [bulk] { bulk->session.connection().Execute("DELETE FROM bulk"); }};
}

Operation PrepareMix(const Place& place, const std::string&) {
  const auto run = [&place] {
    Connection connection = place.Open("mix");
    return Mix(connection);
  };
  return {run, [&place] { place.Remove("mix"); }};
}

}  // namespace

const std::vector<Workload>& Workloads() {
  static const auto* const workloads = [] {
    Workload insert = OfOneStatement("insert", 500, kInsert, &BindRow);
    insert.also_with_kept_lease = true;
    return new std::vector<Workload>{
        OfOneStatement("point", 5000, kSelect, [](Statement& statement, Session& s) { statement.Bind(s.Item()); }),
        OfOneStatement("range", 300, "SELECT amount, words FROM item WHERE id >= ? LIMIT " + std::to_string(kScanRows),
                       [](Statement& statement, Session& s) { statement.Bind(1 + s.Below(kItems - kScanRows)); }),
        OfOneStatement("aggregate", 8, "SELECT sum(amount), max(length(words)) FROM item", [](Statement&, Session&) {}),
        std::move(insert),
        {"transaction", 200, &PrepareTransaction},
        {"bulk", 6, &PrepareBulk},
        OfOneStatement("update", 150, "UPDATE item SET amount = amount + 1 WHERE category = ?",
                       [](Statement& statement, Session& s) { statement.Bind(s.Below(kCategories)); }),
        {"mix", 1, &PrepareMix},
    };
  }();
  return *workloads;
}

}  // namespace sqlite_efs::bench
