#include "aws/signer.h"

#include <algorithm>
#include <map>

#include "aws/libcurl.h"
#include "aws/lower.h"
#include "base/utc.h"

namespace sqlite_efs {
namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";
constexpr const char* kEnd = "aws4_request";
constexpr size_t kDigest_bytes = 32;

// Of SHA-256, as bytes.
std::string Hash(const std::string& text) {
  std::string digest(kDigest_bytes, '\0');
  Curl().sha256(text.data(), text.size(), digest.data());
  return digest;
}

std::string KeyedHash(const std::string& key, const std::string& text) {
  std::string digest(kDigest_bytes, '\0');
  Curl().hmac(Curl().evp_sha256(), key.data(), static_cast<int>(key.size()), text.data(), text.size(), digest.data(),
              nullptr);
  return digest;
}

std::string Hexadecimal(const std::string& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// Several spaces count as one.
std::string Collapsed(const std::string& value) {
  std::string collapsed;
  std::ranges::unique_copy(value, std::back_inserter(collapsed), [](char a, char b) { return a == ' ' && b == ' '; });
  return collapsed;
}

}  // namespace

const std::string& Signer::KeyOf(const Signature& with, const std::string& date) {
  std::string from = date + "\n" + with.region + "\n" + with.service + "\n" + with.credentials.secret_access_key;
  if (from == from_) return key_;
  key_ = KeyedHash("AWS4" + with.credentials.secret_access_key, date);
  for (const std::string& part : {with.region, with.service, std::string(kEnd)}) key_ = KeyedHash(key_, part);
  from_ = std::move(from);
  return key_;
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
std::vector<HttpHeader> Signer::Headers(const HttpRequest& request, const std::string& host) {
  const Signature& with = *request.sign_with;
  const std::string time = UtcText(with.at_s, "%Y%m%dT%H%M%SZ");
  const std::string date = time.substr(0, time.find('T'));
  std::vector<HttpHeader> headers = request.headers;
  headers.push_back({"Host", host});
  headers.push_back({"X-Amz-Date", time});
  if (!with.credentials.session_token.empty()) {
    headers.push_back({"X-Amz-Security-Token", with.credentials.session_token});
  }
  std::map<std::string, std::string> sorted;
  for (const HttpHeader& header : headers) sorted[Lower(header.name)] = Collapsed(header.value);
  std::string lines;
  std::string names;
  for (const auto& [name, value] : sorted) {
    lines += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical =
      request.method + "\n/\n\n" + lines + "\n" + names + "\n" + Hexadecimal(Hash(request.body));
  const std::string scope = date + "/" + with.region + "/" + with.service + "/" + kEnd;
  const std::string to_sign =
      std::string(kAlgorithm) + "\n" + time + "\n" + scope + "\n" + Hexadecimal(Hash(canonical));
  headers.push_back({"Authorization", std::string(kAlgorithm) + " Credential=" + with.credentials.access_key_id + "/" +
                                          scope + ", SignedHeaders=" + names +
                                          ", Signature=" + Hexadecimal(KeyedHash(KeyOf(with, date), to_sign))});
  return headers;
}

}  // namespace sqlite_efs
