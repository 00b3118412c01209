#include "vfs/handover.h"

#include "vfs/ordinary.h"

namespace sqlite_efs {
namespace {

constexpr Duration kLongestRequests = std::chrono::seconds(2);
constexpr Duration kPoll = std::chrono::milliseconds(50);  // of the lock, while the package has it

}  // namespace

Handover::Handover(const Environment& environment, const Settings& settings, const std::string& path)
    : environment_(environment), settings_(settings), path_(path) {}

// A lock that cannot be given back expires; one that cannot be kept does too, and the file alone keeps the package out.
Handover::~Handover() {
  if (!taken_) return;
  if (!IsLive(environment_.files, path_)) {
    (void)lock_->GiveBack(kLongestRequests);
  } else if (!kept_) {
    (void)lock_->Keep(kLongestRequests);
  }
}

Status Handover::Attach(const char* stock_vfs) {
  EFS_RETURN_IF_ERROR(Take());
  return AttachDatabase(environment_, path_, stock_vfs, [this] { return Keep(); });
}

Status Handover::Take() {
  if (taken_ || settings_.lock_dynamodb_table.empty() || settings_.lock_former_name.empty()) return {};
  Clock& clock = environment_.clock;
  if (!refusal_.ok() && clock.Now() < next_try_) return refusal_;
  if (!lock_) lock_ = environment_.new_former_lock(settings_.lock_dynamodb_table, settings_.lock_former_name);
  const auto expiration = std::chrono::seconds(settings_.lock_expiration_s);
  const Status status = lock_->Take(expiration, kLongestRequests);
  taken_ = status.ok();
  next_try_ = clock.Now() + kPoll;
  if (taken_) return {};
  refusal_ = {status.code(), path_ + " cannot be made live: " + status.message()};
  return refusal_;
}

Status Handover::Keep() {
  if (!taken_ || kept_) return {};
  const Status status = lock_->Keep(kLongestRequests);
  kept_ = status.ok();
  taken_ = !status.Is(StatusCode::kBusy);
  return status;
}

}  // namespace sqlite_efs
