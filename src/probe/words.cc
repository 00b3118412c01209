#include "probe/words.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sqlite_efs::probe {
namespace {

constexpr std::string_view kOk = "ok ";
constexpr std::string_view kFailed = "failed ";

Status NotUnderstood(const std::string& line) {
  return Status::IoError("an answer is not understood: " + line + "; use the same version of sqlite-efs on both hosts");
}

}  // namespace

std::vector<std::string> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

std::optional<uint64_t> ParseNumber(std::string_view word) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

std::string TextOf(const FileAttributes& a) {
  return JoinWords(std::to_string(a.inode), std::to_string(a.size), std::to_string(a.links), std::to_string(a.mode),
                   std::to_string(static_cast<uint64_t>(a.mtime_ns)));
}

Result<FileAttributes> ParseAttributes(const std::string& text) {
  const std::vector<std::string> words = SplitWords(text);
  if (words.size() != 5) return NotUnderstood(text);
  FileAttributes a;
  const std::array<uint64_t*, 3> wide = {&a.inode, &a.size, &a.links};
  for (size_t i = 0; i < words.size(); i++) {
    const std::optional<uint64_t> number = ParseNumber(words[i]);
    if (!number) return NotUnderstood(text);
    if (i < wide.size()) *wide[i] = *number;
    if (i == 3) a.mode = static_cast<uint32_t>(*number);
    if (i == 4) a.mtime_ns = static_cast<int64_t>(*number);
  }
  return a;
}

std::string AnswerLine(const Result<std::string>& result) {
  if (result.ok()) return std::string(kOk) + *result;
  std::string message = result.status().message();
  std::replace(message.begin(), message.end(), '\n', ' ');
  return std::string(kFailed) + std::to_string(static_cast<int>(result.status().code())) + " " + message;
}

Result<std::string> ParseAnswerLine(const std::string& line) {
  if (line.starts_with(kOk)) return line.substr(kOk.size());
  const std::vector<std::string> words = SplitWords(line);
  const std::optional<uint64_t> code = words.size() > 2 ? ParseNumber(words[1]) : std::nullopt;
  const bool known = code && *code > 0 && *code <= static_cast<uint64_t>(StatusCode::kUnknownOutcome);
  if (!line.starts_with(kFailed) || !known) return NotUnderstood(line);
  return Status(static_cast<StatusCode>(*code), line.substr(kFailed.size() + words[1].size() + 1));
}

}  // namespace sqlite_efs::probe
