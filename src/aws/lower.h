#ifndef SQLITE_EFS_AWS_LOWER_H_
#define SQLITE_EFS_AWS_LOWER_H_

#include <string>
#include <string_view>

namespace sqlite_efs {

// `text` with small ASCII letters, whatever the locale: names of settings and of HTTP headers.
inline std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_LOWER_H_
