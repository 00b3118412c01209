#include "lease/lease_memory.h"

#include "base/uuid.h"

namespace sqlite_efs {

LeaseMemory::LeaseMemory() : process_(NewUuid() + "/") {}

std::string LeaseMemory::NewLockId() {
  const std::lock_guard lock(mutex_);
  return *present_.insert(process_ + std::to_string(++attempts_)).first;
}

void LeaseMemory::Over(const std::string& lock_id) {
  const std::lock_guard lock(mutex_);
  present_.erase(lock_id);
}

bool LeaseMemory::IsOver(const std::string& lock_id) const {
  const std::lock_guard lock(mutex_);
  return lock_id.starts_with(process_) && !present_.contains(lock_id);
}

bool LeaseMemory::Saw(const LeaseRecord& record, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = sightings_.find(record.database_id);
  if (found != sightings_.end() && found->second.lock_id == record.lock_id && found->second.version == record.version) {
    return false;
  }
  if (found == sightings_.end() && sightings_.size() == kMaxSightings) sightings_.erase(sightings_.begin());
  const bool told = record.lease_ms > 0 && record.lease_ms <= kMaxLease_ms;
  const auto lease = std::chrono::milliseconds(told ? record.lease_ms : 0);
  sightings_[record.database_id] = {record.lock_id, record.version, lease, now};
  return true;
}

std::optional<Sighting> LeaseMemory::Last(const std::string& database_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = sightings_.find(database_id);
  return found == sightings_.end() ? std::nullopt : std::optional<Sighting>(found->second);
}

}  // namespace sqlite_efs
