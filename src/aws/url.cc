#include "aws/url.h"

#include <algorithm>
#include <array>
#include <memory>

#include "aws/libcurl.h"

namespace sqlite_efs {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { Curl().url_cleanup(url); }
};

std::string Part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (Curl().url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string copy(text);
  Curl().free(text);
  return copy;
}

}  // namespace

std::optional<Url> ParseUrl(const std::string& text) {
  if (!LoadLibCurl().ok()) return std::nullopt;
  const std::unique_ptr<CURLU, FreeUrl> url(Curl().url());
  if (url == nullptr || text.find('\0') != std::string::npos ||
      Curl().url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    return std::nullopt;
  }
  constexpr std::array kMore = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
  return Url{.scheme = Part(url.get(), CURLUPART_SCHEME),
             .host = Part(url.get(), CURLUPART_HOST),
             .port = Part(url.get(), CURLUPART_PORT),
             .path = Part(url.get(), CURLUPART_PATH),
             .has_more = std::ranges::any_of(kMore, [&](CURLUPart part) { return !Part(url.get(), part).empty(); })};
}

}  // namespace sqlite_efs
