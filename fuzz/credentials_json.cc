// What the endpoints of containers and instances answer, in JSON.
#include "aws/credentials_json.h"

#include "aws/timestamp.h"
#include "input.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json = Input(data, size).TakeRest();
  const Result<Credentials> credentials = ParseCredentialsJson(json);
  if (credentials.ok()) {
    Require(!credentials->access_key_id.empty() && !credentials->secret_access_key.empty() &&
                !credentials->session_token.empty() && credentials->expires_at_ms,
            "nothing is missing");
  } else {
    const std::string& message = credentials.status().message();
    Require(credentials.status().Is(StatusCode::kInvalid), "what is refused is invalid");
    Require(message.size() <= 100 && message.find_first_of("\"\n{}") == std::string::npos, "a message holds no JSON");
  }
  if (const auto time = ParseTimestamp_ms(json)) Require(*time % 1000 == 0, "a time is in whole seconds");
  return 0;
}
