// The credentials of include/sqlite_efs.h: the program's function, as the AWS layer calls it.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "aws/program_credentials.h"
#include "sqlite_efs.h"
#include "vfs/errors.h"
#include "vfs/sqlite.h"

#define EFS_PUBLIC extern "C" __attribute__((visibility("default")))

struct sqlite_efs_credentials {
  std::optional<sqlite_efs::Result<sqlite_efs::Credentials>> answer;
};

namespace sqlite_efs {
namespace {

std::string Text(const char* text) { return text == nullptr ? "" : text; }

Result<Credentials> Ask(void* function, void* context, Duration limit) {
  sqlite_efs_credentials reply;
  const auto limit_ms = static_cast<int>(std::max<int64_t>(0, limit / std::chrono::milliseconds(1)));
  reinterpret_cast<sqlite_efs_credentials_source>(function)(context, limit_ms, &reply);
  if (reply.answer) return *reply.answer;
  return Status(StatusCode::kNotFound, "this program's own source of credentials gave no answer");
}

}  // namespace
}  // namespace sqlite_efs

EFS_PUBLIC void sqlite_efs_give_credentials(sqlite_efs_credentials* answer, const char* access_key_id,
                                            const char* secret_access_key, const char* session_token,
                                            long long expires_at_ms) {
  (void)sqlite_efs::Guarded([&] {
    sqlite_efs::Credentials given = {sqlite_efs::Text(access_key_id), sqlite_efs::Text(secret_access_key),
                                     sqlite_efs::Text(session_token), std::nullopt};
    if (expires_at_ms != 0) given.expires_at_ms = expires_at_ms;
    answer->answer = std::move(given);
    return SQLITE_OK;
  });
}

EFS_PUBLIC void sqlite_efs_refuse_credentials(sqlite_efs_credentials* answer, const char* reason, int may_retry) {
  using sqlite_efs::StatusCode;
  (void)sqlite_efs::Guarded([&] {
    const StatusCode code = may_retry != 0 ? StatusCode::kUnavailable : StatusCode::kNotFound;
    answer->answer = sqlite_efs::Status(code, sqlite_efs::Text(reason));
    return SQLITE_OK;
  });
}

EFS_PUBLIC int sqlite_efs_set_credentials_source(sqlite_efs_credentials_source source, void* context) {
  return sqlite_efs::Guarded([&] {
    sqlite_efs::ProgramCredentials program;
    if (source != nullptr) program = {&sqlite_efs::Ask, reinterpret_cast<void*>(source), context};
    return sqlite_efs::SetProgramCredentials(program) ? SQLITE_OK : SQLITE_BUSY;
  });
}
