#include "sim/precedence.h"

namespace sqlite_efs::sim {

size_t Precedence::Add() {
  after_.emplace_back();
  return after_.size() - 1;
}

void Precedence::Before(size_t first, size_t second) {
  if (first != second) after_[first].push_back(second);
}

std::vector<size_t> Precedence::WithoutOrder() const {
  std::vector<size_t> waits(after_.size(), 0);
  for (const std::vector<size_t>& after : after_) {
    for (const size_t second : after) waits[second]++;
  }
  std::vector<size_t> free;
  for (size_t i = 0; i < waits.size(); i++) {
    if (waits[i] == 0) free.push_back(i);
  }
  while (!free.empty()) {
    const size_t next = free.back();
    free.pop_back();
    for (const size_t second : after_[next]) {
      if (--waits[second] == 0) free.push_back(second);
    }
  }
  std::vector<size_t> left;
  for (size_t i = 0; i < waits.size(); i++) {
    if (waits[i] != 0) left.push_back(i);
  }
  return left;
}

}  // namespace sqlite_efs::sim
