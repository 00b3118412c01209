#ifndef SQLITE_EFS_PROBE_WORDS_H_
#define SQLITE_EFS_PROBE_WORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "os/file_system.h"

namespace sqlite_efs::probe {

// The words of a line, which single blanks separate.
std::vector<std::string> SplitWords(std::string_view line);
template <typename... Words>
std::string JoinWords(const std::string& first, const Words&... others) {
  return (first + ... + (" " + std::string(others)));
}

// A whole number of decimal digits.
std::optional<uint64_t> ParseNumber(std::string_view word);

// Attributes as words, and back.
std::string TextOf(const FileAttributes& attributes);
Result<FileAttributes> ParseAttributes(const std::string& text);

// An answer as a line: "ok ..." or "failed CODE MESSAGE", and back.
std::string AnswerLine(const Result<std::string>& result);
Result<std::string> ParseAnswerLine(const std::string& line);

}  // namespace sqlite_efs::probe

#endif  // SQLITE_EFS_PROBE_WORDS_H_
