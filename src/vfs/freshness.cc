#include "vfs/freshness.h"

namespace sqlite_efs {
namespace {

thread_local std::optional<Instant> request_begun;
thread_local std::optional<Instant> call_begun;

}  // namespace

void BeginRequest(Clock& clock) { request_begun = clock.Now(); }
void EndRequest() { request_begun.reset(); }
void BeginCall(Clock& clock) { call_begun = clock.Now(); }
void EndCall() { call_begun.reset(); }

std::optional<Instant> NeededAsOf(const Freshness& freshness, Clock& clock) {
  switch (freshness.kind) {
    case Freshness::Kind::kTransaction:
      return call_begun;
    case Freshness::Kind::kRequest:
      return request_begun ? request_begun : call_begun;
    case Freshness::Kind::kBound:
      return clock.Now() + -freshness.bound;
  }
  return std::nullopt;
}

std::string NameOf(const Freshness& freshness) {
  switch (freshness.kind) {
    case Freshness::Kind::kTransaction:
      return "transaction";
    case Freshness::Kind::kRequest:
      return "request";
    case Freshness::Kind::kBound:
      return std::to_string(freshness.bound / std::chrono::milliseconds(1));
  }
  return "";
}

}  // namespace sqlite_efs
