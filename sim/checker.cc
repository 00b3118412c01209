#include "sim/checker.h"

#include <algorithm>
#include <utility>

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

void Checker::Add(const Seen& seen) { seen_.push_back(seen); }

void Checker::Add(Written written) {
  if (written.outcome == Written::Outcome::kAcknowledged) {
    commits++;
    floor_ = std::max(floor_, written.position);
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

void Checker::Judge(const FinalState& state) {
  JudgeWritten(state);
  Model model;
  std::vector<uint64_t> digests = {model.Digest()};
  for (const Tx tx : state.order) {
    const auto found = written_.find(tx);
    if (found != written_.end()) model.Apply(tx, found->second.changes);
    digests.push_back(model.Digest());
  }
  for (const Seen& seen : seen_) {
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
