// The record of a lease, one line of JSON.
#include "lease/lease_record.h"
#include "input.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

namespace {

void RequireRoundTrip(const LeaseRecord& record) {
  const std::string text = FormatLeaseRecord(record);
  Require(text.find('\n') == std::string::npos, "a record is one line");
  const auto again = ParseLeaseRecord(text);
  Require(again.has_value(), "a record that was made can be read");
  Require(*again == record, "a record is read as it was made");
  Require(FormatLeaseRecord(*again) == text, "a record has one text");
}

// A record of any numbers and of texts in ASCII.
LeaseRecord AnyRecord(Input input) {
  LeaseRecord record;
  record.since_ms = input.Take<int64_t>();
  CleanRelease clean;
  clean.segment = input.Take<uint64_t>();
  clean.salts = input.Take<uint64_t>();
  clean.frames = input.Take<uint32_t>();
  const bool released = input.Take<uint8_t>() % 2 == 1;
  for (std::string* text : {&record.database_id, &record.lock_id, &record.holder, &clean.store}) {
    for (const char c : input.TakeUntil('\0')) text->push_back(static_cast<char>(c & 0x7f));
  }
  if (released) record.released = clean;
  return record;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (const auto record = ParseLeaseRecord(Input(data, size).TakeRest())) RequireRoundTrip(*record);
  RequireRoundTrip(AnyRecord(Input(data, size)));
  return 0;
}
