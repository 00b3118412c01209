#ifndef SQLITE_EFS_AWS_ERROR_CODE_H_
#define SQLITE_EFS_AWS_ERROR_CODE_H_

#include <string>
#include <string_view>

namespace sqlite_efs {

// `code` if it looks like a code of an AWS error ("AccessDenied", "Client.Bad-Request"), else "": only such a thing of
// a reply may be shown to people, as a reply may hold secrets.
inline std::string PrintableCode(std::string_view code) {
  constexpr size_t kMaxCode = 64;
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_";
  const bool is_code = code.size() <= kMaxCode && code.find_first_not_of(kAllowed) == std::string_view::npos;
  return is_code ? std::string(code) : "";
}

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_ERROR_CODE_H_
