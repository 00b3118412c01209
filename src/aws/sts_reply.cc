#include "aws/sts_reply.h"

#include "aws/error_code.h"
#include "aws/timestamp.h"

namespace sqlite_efs {
namespace {

// The text between <name> and </name>; nothing unless there is exactly one such element, and text alone in it, with
// none of XML's escapes: what is looked for here has none.
std::string_view Element(std::string_view xml, const std::string& name) {
  const std::string open = "<" + name + ">";
  const std::string close = "</" + name + ">";
  const size_t begin = xml.find(open);
  if (begin == std::string_view::npos || xml.find(open, begin + 1) != std::string_view::npos) return {};
  const std::string_view rest = xml.substr(begin + open.size());
  const size_t end = rest.find(close);
  if (end == std::string_view::npos || rest.find(close, end + 1) != std::string_view::npos) return {};
  const std::string_view text = rest.substr(0, end);
  const auto is_plain = [](unsigned char c) { return c > ' ' && c < 0x7F && c != '<' && c != '>' && c != '&'; };
  for (const char c : text) {
    if (!is_plain(static_cast<unsigned char>(c))) return {};
  }
  return text;
}

}  // namespace

Result<Credentials> ParseStsReply(std::string_view xml) {
  Credentials credentials{.access_key_id = std::string(Element(xml, "AccessKeyId")),
                          .secret_access_key = std::string(Element(xml, "SecretAccessKey")),
                          .session_token = std::string(Element(xml, "SessionToken")),
                          .expires_at_ms = ParseTimestamp_ms(Element(xml, "Expiration"))};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty() || credentials.session_token.empty() ||
      !credentials.expires_at_ms) {
    return Status::Invalid("the reply is none of STS with credentials in it");
  }
  return credentials;
}

std::string ParseStsErrorCode(std::string_view xml) { return PrintableCode(Element(xml, "Code")); }

}  // namespace sqlite_efs
