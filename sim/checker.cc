#include "sim/checker.h"

#include <algorithm>
#include <utility>

#include "sim/precedence.h"
#include "sim/random.h"
#include "sim/world.h"

namespace sqlite_efs::sim {

Model::Model() : balances(kAccounts, kOpeningBalance), pads(kPads, 0) {}

void Model::Apply(Tx tx, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kBalance:
        balances[static_cast<size_t>(change.id)] += change.delta;
        break;
      case Change::Kind::kPad:
        pads[static_cast<size_t>(change.id)] = tx;
        break;
      case Change::Kind::kCreateTable:
        tables.insert(change.id);
        break;
      case Change::Kind::kDropTable:
        tables.erase(change.id);
        break;
    }
  }
}

uint64_t Model::Digest() const {
  uint64_t digest = 1;
  for (const int64_t balance : balances) digest = Mix(digest, static_cast<uint64_t>(balance));
  for (const Tx pad : pads) digest = Mix(digest, static_cast<uint64_t>(pad));
  for (const int64_t table : tables) digest = Mix(digest, static_cast<uint64_t>(table));
  return digest;
}

size_t PadSize(Tx tx, int64_t pad) { return 60 + Mix(static_cast<uint64_t>(tx), static_cast<uint64_t>(pad)) % 500; }

uint8_t PadByte(Tx tx) { return static_cast<uint8_t>(Mix(static_cast<uint64_t>(tx))); }

void Checker::Fail(const std::string& what) {
  if (violation_.empty()) violation_ = what;
  if (World* const world = World::Present()) world->Say("VIOLATION: %s", what.c_str());
}

void Checker::Fresh(int64_t position, int64_t floor, const std::string& who) {
  if (position >= floor) return;
  Fail("not fresh: " + who + " saw state " + std::to_string(position) + " after state " + std::to_string(floor) +
       " had been acknowledged, or seen by it");
}

void Checker::Fresh(const std::vector<Access>& reads, const Floors& floors, const std::string& who) {
  for (const auto& [item, version] : reads) {
    const int64_t floor = floors[static_cast<size_t>(item)];
    if (version.number >= floor) continue;
    Fail("not fresh: " + who + " saw version " + std::to_string(version.number) + " of item " + std::to_string(item) +
         " after version " + std::to_string(floor) + " had been acknowledged");
  }
}

void Checker::Add(const Seen& seen) { seen_.push_back(seen); }

void Checker::Add(Written written) {
  if (written.outcome == Written::Outcome::kAcknowledged) {
    commits++;
    for (const auto& [item, version] : written.reads) {
      const bool wrote = std::find(written.writes.begin(), written.writes.end(), item) != written.writes.end();
      int64_t& floor = floors_[static_cast<size_t>(item)];
      floor = std::max(floor, version.number + (wrote ? 1 : 0));
    }
  }
  if (written.outcome == Written::Outcome::kUnknown) unknown++;
  const Tx tx = written.tx;
  written_.emplace(tx, std::move(written));
}

void Checker::JudgeWritten(const FinalState& state) {
  std::unordered_map<Tx, int64_t> position_of;
  for (size_t i = 0; i < state.order.size(); i++) {
    const auto position = static_cast<int64_t>(i + 1);
    if (!position_of.emplace(state.order[i], position).second) {
      Fail(state.source + ": transaction " + std::to_string(state.order[i]) + " is there twice");
    }
    if (!written_.contains(state.order[i])) {
      Fail(state.source + ": transaction " + std::to_string(state.order[i]) + " was never begun");
    }
  }
  for (const auto& [tx, written] : written_) {
    if (!written.takes_place) continue;
    const auto found = position_of.find(tx);
    const int64_t position = found == position_of.end() ? 0 : found->second;
    if (written.outcome == Written::Outcome::kAcknowledged && position != written.position) {
      Fail(state.source + ": not durable: transaction " + std::to_string(tx) + " was acknowledged at position " +
           std::to_string(written.position) + (position == 0 ? " and is lost" : " and is elsewhere"));
    }
    if (written.outcome == Written::Outcome::kRefused && position != 0) {
      Fail(state.source + ": not truthful: transaction " + std::to_string(tx) + " was refused and is at position " +
           std::to_string(position));
    }
  }
}

Checker::Writers Checker::FollowVersions(const FinalState& state) {
  Writers writers;
  writers[kHead] = {0};
  writers[kHead].insert(writers[kHead].end(), state.order.begin(), state.order.end());
  for (int item = 0; item < kRegisters; item++) {
    Version at = state.registers[static_cast<size_t>(item)];
    std::vector<Tx> newest_first;
    while (at.number > 0) {
      newest_first.push_back(at.tx);
      const auto found = written_.find(at.tx);
      const Access* read = nullptr;
      if (found != written_.end()) {
        for (const Access& access : found->second.reads) read = access.item == item ? &access : read;
      }
      if (read == nullptr || read->version.number + 1 != at.number) {
        Fail(state.source + ": not serial: version " + std::to_string(at.number) + " of register " +
             std::to_string(item) + " is of transaction " + std::to_string(at.tx) + ", which did not write it");
        break;
      }
      at = read->version;
    }
    writers[static_cast<size_t>(item)] = {0};
    writers[static_cast<size_t>(item)].insert(writers[static_cast<size_t>(item)].end(), newest_first.rbegin(),
                                              newest_first.rend());
  }
  return writers;
}

// Whether what the transaction wrote is in the database: all of it, or nothing.
bool Checker::IsCommitted(const Written& written, const Writers& writers, const std::string& source) {
  size_t there = 0;
  for (const Access& access : written.reads) {
    if (std::find(written.writes.begin(), written.writes.end(), access.item) == written.writes.end()) continue;
    const std::vector<Tx>& by_version = writers[static_cast<size_t>(access.item)];
    const auto version = static_cast<size_t>(access.version.number + 1);
    there += version < by_version.size() && by_version[version] == written.tx ? 1 : 0;
  }
  if (there != 0 && there != written.writes.size()) {
    Fail(source + ": not atomic: of what transaction " + std::to_string(written.tx) + " wrote only a part is there");
  }
  return there != 0;
}

// Whether there is an order in which each transaction reads what those before it have written last.
void Checker::JudgeVersions(const FinalState& state) {
  const Writers writers = FollowVersions(state);
  Precedence precedence;
  std::unordered_map<Tx, size_t> committed;
  std::vector<std::pair<size_t, const std::vector<Access>*>> readers;
  for (const auto& [tx, written] : written_) {
    const bool is_committed = IsCommitted(written, writers, state.source);
    const bool acknowledged = written.outcome == Written::Outcome::kAcknowledged;
    if (acknowledged && !is_committed) {
      Fail(state.source + ": not durable: transaction " + std::to_string(tx) + " was acknowledged and is lost");
    }
    if (written.outcome == Written::Outcome::kRefused && is_committed) {
      Fail(state.source + ": not truthful: transaction " + std::to_string(tx) + " was refused and is there");
    }
    readers.emplace_back(precedence.Add(), &written.reads);
    if (is_committed) committed[tx] = readers.back().first;
  }
  for (const Seen& seen : seen_) readers.emplace_back(precedence.Add(), &seen.reads);
  for (const auto& [reader, reads] : readers) {
    for (const auto& [item, version] : *reads) {
      const std::vector<Tx>& by_version = writers[static_cast<size_t>(item)];
      const auto number = static_cast<size_t>(version.number);
      if (number >= by_version.size() || by_version[number] != version.tx) {
        Fail(state.source + ": not serial: version " + std::to_string(number) + " of item " + std::to_string(item) +
             " by transaction " + std::to_string(version.tx) + " was seen and is not in the history");
        continue;
      }
      const auto writer = committed.find(version.tx);
      if (writer != committed.end()) precedence.Before(writer->second, reader);
      const auto next = number + 1 < by_version.size() ? committed.find(by_version[number + 1]) : committed.end();
      if (next != committed.end()) precedence.Before(reader, next->second);
    }
  }
  const size_t without_order = precedence.WithoutOrder().size();
  if (without_order == 0) return;
  Fail(state.source + ": not serial: " + std::to_string(without_order) +
       " transactions cannot be ordered: some have read what each other overwrote");
}

void Checker::Judge(const FinalState& state) {
  JudgeWritten(state);
  JudgeVersions(state);
  Model model;
  std::vector<uint64_t> digests = {model.Digest()};
  for (const Tx tx : state.order) {
    const auto found = written_.find(tx);
    if (found != written_.end()) model.Apply(tx, found->second.changes);
    digests.push_back(model.Digest());
  }
  for (const Seen& seen : seen_) {
    if (seen.position < 0) continue;
    const auto at = static_cast<size_t>(seen.position);
    if (at >= digests.size() || (at > 0 && state.order[at - 1] != seen.tx)) {
      Fail(state.source + ": not serial: state " + std::to_string(seen.position) + " of transaction " +
           std::to_string(seen.tx) + " was seen and is not in the history");
    } else if (seen.whole && seen.digest != digests[at]) {
      Fail("not atomic: what was read in state " + std::to_string(seen.position) + " is of several states");
    }
  }
  if (state.digest != digests.back()) {
    Fail(state.source + ": the final content is not that of the committed transactions");
  }
}

}  // namespace sqlite_efs::sim
