// What AWS's STS answers, in XML.
#include "aws/sts_reply.h"

#include "input.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

namespace {

void RequirePlain(const std::string& value, std::string_view input) {
  Require(!value.empty(), "a value is not empty");
  Require(input.find(value) != std::string_view::npos, "a value stands in the reply");
  for (const char c : value) Require(c > ' ' && c < 0x7f && c != '<' && c != '>' && c != '&', "a value is plain text");
}

// Credentials of any plain text are read as they were written.
void RequireRoundTrip(Input input) {
  std::string values[3];
  for (std::string& value : values) {
    for (const char c : input.TakeUntil('\0')) {
      if (c > ' ' && c < 0x7f && c != '<' && c != '>' && c != '&') value.push_back(c);
    }
    value.push_back('x');
  }
  const Result<Credentials> credentials = ParseStsReply(
      "<Credentials><AccessKeyId>" + values[0] + "</AccessKeyId><SecretAccessKey>" + values[1] + "</SecretAccessKey>" +
      "<SessionToken>" + values[2] + "</SessionToken><Expiration>1970-01-01T00:00:01Z</Expiration></Credentials>");
  Require(credentials.ok() && *credentials == Credentials{values[0], values[1], values[2], 1000}, "round trip");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view xml = Input(data, size).TakeRest();
  const Result<Credentials> credentials = ParseStsReply(xml);
  if (credentials.ok()) {
    RequirePlain(credentials->access_key_id, xml);
    RequirePlain(credentials->secret_access_key, xml);
    RequirePlain(credentials->session_token, xml);
    Require(credentials->expires_at_ms.has_value(), "they expire");
  } else {
    Require(credentials.status().Is(StatusCode::kInvalid), "what is refused is invalid");
  }
  const std::string code = ParseStsErrorCode(xml);
  Require(code.size() <= 64 && code.find_first_of(" <>&\n") == std::string::npos, "a code can be shown");
  RequireRoundTrip(Input(data, size));
  return 0;
}
