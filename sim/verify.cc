#include "sim/verify.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "sim/client.h"
#include "sim/slots.h"
#include "sim/sql.h"
#include "sim/stock_vfs.h"
#include "store/layout.h"
#include "store/wal_format.h"
#include "vfs/errors.h"

namespace sqlite_efs::sim {
namespace {

constexpr char kCopy[] = "recovered";
constexpr char kCopyWal[] = "recovered-wal";

// Reads everything, and has SQLite check the file's structure.
void Judge(Sql& sql, const std::string& source, Checker& checker) {
  Seen seen;
  FinalState state;
  state.source = source;
  int rc = ReadAll(sql, &seen);
  if (rc == SQLITE_OK) rc = ReadOrder(sql, &state.order);
  state.digest = seen.digest;
  for (const Access& read : seen.reads) {
    if (read.item < kRegisters) state.registers[static_cast<size_t>(read.item)] = read.version;
  }
  std::string integrity;
  if (rc == SQLITE_OK) {
    rc = sql.Run("PRAGMA integrity_check", {},
                 [&](sqlite3_stmt* row) { integrity += reinterpret_cast<const char*>(sqlite3_column_text(row, 0)); });
  }
  if (rc != SQLITE_OK) {
    checker.Fail(source + ": the final state cannot be read: " + sqlite3_errmsg(sql.get()));
  } else if (integrity != "ok") {
    checker.Fail(source + ": integrity_check says " + integrity);
  } else {
    checker.Judge(state);
  }
}

Ino MakeFile(FileServer& server, const std::string& name) {
  (void)server.Remove(kRoot, name);
  Ino made = 0;
  (void)server.Create(kRoot, name, 0644, 0, false, &made);
  return made;
}

void CopyContent(FileServer& server, Ino from, Ino to, uint64_t size) {
  std::vector<std::byte> bytes(size);
  bytes.resize(server.Read(from, 0, bytes));
  server.Land(to, 0, bytes);
}

// The segments that hold what the base does not; the mark of the log's end is none.
std::vector<std::pair<uint64_t, Ino>> Segments(FileServer& server, Ino directory) {
  constexpr std::string_view kMerged = ".merged";
  uint64_t merged = 0;
  for (const auto& [name, ino] : server.Get(directory).entries) {
    if (!name.ends_with(kMerged)) continue;
    const auto number = ParseSegmentName(std::string_view(name).substr(0, name.size() - kMerged.size()));
    if (number) merged = std::max(merged, number->value);
  }
  std::vector<std::pair<uint64_t, Ino>> segments;
  for (const auto& [name, ino] : server.Get(directory).entries) {
    std::string start(kEndOfLog.size(), '\0');
    server.Read(ino, 0, std::as_writable_bytes(std::span(start)));
    const auto number = ParseSegmentName(name);
    if (number && number->value > merged && start != kEndOfLog) segments.emplace_back(number->value, ino);
  }
  std::sort(segments.begin(), segments.end());
  return segments;
}

std::optional<WalHeader> HeaderOf(FileServer& server, Ino segment) {
  std::array<std::byte, kWalHeaderSize> bytes = {};
  server.Read(segment, 0, bytes);
  WalChecksum checksum;
  return DecodeWalHeader(bytes, &checksum);
}

}  // namespace

void JudgeByEngine(Process& process, Checker& checker) {
  Sql sql;
  const std::string name = "file:" + PathOf(process, "/db") + "?vfs=" + VfsOf(process);
  if (sql.Open(name, nullptr, SQLITE_OPEN_READWRITE) != SQLITE_OK) {
    checker.Fail("the engine cannot open the final state: " + LastError());
    return;
  }
  Judge(sql, "the engine", checker);
}

void JudgeByStock(Process& process, Checker& checker) {
  FileServer& server = process.world->server;
  const Ino base = server.Lookup(kRoot, "db");
  const Ino directory = server.Lookup(kRoot, "db-wal");
  const Ino copy = MakeFile(server, kCopy);
  CopyContent(server, base, copy, server.Get(base).size);
  const std::string path = PathOf(process, std::string("/") + kCopy);
  const auto segments = directory == 0 ? std::vector<std::pair<uint64_t, Ino>>() : Segments(server, directory);
  for (size_t i = 0; i <= segments.size(); i++) {
    if (i < segments.size()) {
      const auto header = HeaderOf(server, segments[i].second);
      const auto next = i + 1 < segments.size() ? HeaderOf(server, segments[i + 1].second) : std::nullopt;
      if (!header || (i + 1 < segments.size() && !next)) {
        checker.Fail("stock SQLite: a segment's header is damaged");
        return;
      }
      const uint64_t size = next ? FrameOffset({next->counted_of_previous.value + 1}, header->page_size)
                                 : server.Get(segments[i].second).data.size();
      CopyContent(server, segments[i].second, MakeFile(server, kCopyWal), size);
    }
    Sql sql;
    int rc = sql.Open(path, kStockVfs, SQLITE_OPEN_READWRITE);
    if (rc == SQLITE_OK)
      rc = sql.Execute("PRAGMA writable_schema=ON; PRAGMA locking_mode=EXCLUSIVE; PRAGMA wal_checkpoint(TRUNCATE)");
    if (rc != SQLITE_OK) {
      checker.Fail("stock SQLite cannot recover segment " + std::to_string(i + 1) + ": " + sqlite3_errmsg(sql.get()));
      return;
    }
    if (i == segments.size()) Judge(sql, "stock SQLite", checker);
  }
}

}  // namespace sqlite_efs::sim
