#include "aws/credentials_json.h"

#include <nlohmann/json.hpp>

#include "aws/error_code.h"
#include "aws/timestamp.h"

namespace sqlite_efs {
namespace {

using nlohmann::json;

// The string called `key`; "" if there is none.
std::string Get(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<Credentials> ParseCredentialsJson(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Status::Invalid("the reply is no JSON object");
  Credentials credentials{.access_key_id = Get(object, "AccessKeyId"),
                          .secret_access_key = Get(object, "SecretAccessKey"),
                          .session_token = Get(object, "Token"),
                          .expires_at_ms = ParseTimestamp_ms(Get(object, "Expiration"))};
  if (!credentials.access_key_id.empty() && !credentials.secret_access_key.empty() &&
      !credentials.session_token.empty() && credentials.expires_at_ms) {
    return credentials;
  }
  const std::string code = PrintableCode(Get(object, object.contains("Code") ? "Code" : "code"));
  if (!code.empty() && code != "Success") return Status::Invalid("the reply is the error " + code);
  return Status::Invalid("the reply lacks AccessKeyId, SecretAccessKey, Token or Expiration");
}

}  // namespace sqlite_efs
