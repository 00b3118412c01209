#ifndef SQLITE_EFS_LEASE_LEASE_RECORD_H_
#define SQLITE_EFS_LEASE_LEASE_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sqlite_efs {

// How a tenure ended in order: the segment that its successor may join, if it is still live and the lease store is the
// same. The salts tell the segment from that of a copied or restored tree.
struct CleanRelease {
  uint64_t segment = 0;
  uint64_t salts = 0;
  uint32_t frames = 0;  // frames in the segment up to the last commit
  std::string store;    // LeaseStore::release_name() of the store that the lease was released to
  bool operator==(const CleanRelease&) const = default;
};

// What a lease store keeps of one database: who holds the lease, or how it was given back.
struct LeaseRecord {
  std::string database_id;
  std::string lock_id;                   // names one attempt to acquire, for ever; empty once released
  uint64_t version = 0;                  // counts the renewals of this attempt
  int64_t expires_at_ms = 0;             // wall time of the holder; 0: the record does not expire
  int64_t lease_ms = 0;                  // how long the holder's lease is good if it is not renewed; 0: for ever
  std::string holder;                    // for people: host, process, program
  int64_t since_ms = 0;                  // wall time of the holder, milliseconds since 1970
  std::optional<CleanRelease> released;  // absent while held, or when the last tenure promised nothing
  bool operator==(const LeaseRecord&) const = default;
};

// The record as one line of JSON, and back; nothing if the text is not a record.
std::string FormatLeaseRecord(const LeaseRecord& record);
std::optional<LeaseRecord> ParseLeaseRecord(std::string_view text);

// Puts any text as JSON has it at the end of `text`; what is not UTF-8 is replaced.
void AppendQuoted(std::string_view value, std::string* text);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_LEASE_LEASE_RECORD_H_
