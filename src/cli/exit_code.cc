#include "cli/exit_code.h"

namespace sqlite_efs::cli {

ExitCode ExitCodeOf(const Status& status) {
  if (status.ok()) return ExitCode::kDone;
  const bool busy = status.Is(StatusCode::kBusy) || status.Is(StatusCode::kConflict);
  return busy ? ExitCode::kBusy : ExitCode::kFailed;
}

}  // namespace sqlite_efs::cli
