#include "aws/signer.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "aws/lower.h"
#include "base/utc.h"

namespace sqlite_efs {
namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";
constexpr const char* kEnd = "aws4_request";
constexpr size_t kMostOfOurs = 4;  // headers
constexpr size_t kUsualCanonical_bytes = 500;

std::string Hexadecimal(const std::string& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(2 * bytes.size(), '0');
  for (size_t i = 0; i < bytes.size(); i++) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text[2 * i] = kDigits[byte >> 4];
    text[2 * i + 1] = kDigits[byte & 15];
  }
  return text;
}

// Several spaces count as one.
std::string Collapsed(const std::string& value) {
  if (value.find("  ") == std::string::npos) return value;
  std::string collapsed;
  std::ranges::unique_copy(value, std::back_inserter(collapsed), [](char a, char b) { return a == ' ' && b == ' '; });
  return collapsed;
}

}  // namespace

void Signer::SetKey(const Signature& with, const std::string& date) {
  std::string from = date + "\n" + with.region + "\n" + with.service + "\n" + with.credentials.secret_access_key;
  if (from == key_from_) return;
  keyed_hash_.SetKey("AWS4" + with.credentials.secret_access_key);
  for (const std::string_view part : {std::string_view(date), std::string_view(with.region),
                                      std::string_view(with.service), std::string_view(kEnd)}) {
    keyed_hash_.SetKey(keyed_hash_.Hash(part));
  }
  key_from_ = std::move(from);
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
std::vector<HttpHeader> Signer::Headers(const HttpRequest& request, const std::string& host) {
  const Signature& with = *request.sign_with;
  const std::string time = UtcText(with.at_s, "%Y%m%dT%H%M%SZ");
  const std::string date = time.substr(0, time.find('T'));
  std::vector<HttpHeader> headers;
  headers.reserve(request.headers.size() + kMostOfOurs);
  headers.assign(request.headers.begin(), request.headers.end());
  headers.push_back({"Host", host});
  headers.push_back({"X-Amz-Date", time});
  if (!with.credentials.session_token.empty()) {
    headers.push_back({"X-Amz-Security-Token", with.credentials.session_token});
  }
  std::vector<std::pair<std::string, const std::string*>> sorted;
  sorted.reserve(headers.size());
  for (const HttpHeader& header : headers) sorted.emplace_back(Lower(header.name), &header.value);
  std::ranges::sort(sorted);
  std::string names;
  std::string canonical;
  canonical.reserve(kUsualCanonical_bytes);
  canonical.append(request.method).append("\n/\n\n");
  for (const auto& [name, value] : sorted) {
    canonical.append(name).append(":").append(Collapsed(*value)).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  canonical.append("\n").append(names).append("\n").append(Hexadecimal(hash_.Hash(request.body)));
  const std::string scope = date + "/" + with.region + "/" + with.service + "/" + kEnd;
  const std::string to_sign =
      std::string(kAlgorithm) + "\n" + time + "\n" + scope + "\n" + Hexadecimal(hash_.Hash(canonical));
  SetKey(with, date);
  headers.push_back({"Authorization", std::string(kAlgorithm) + " Credential=" + with.credentials.access_key_id + "/" +
                                          scope + ", SignedHeaders=" + names +
                                          ", Signature=" + Hexadecimal(keyed_hash_.Hash(to_sign))});
  return headers;
}

}  // namespace sqlite_efs
