#include "aws/shared_file.h"

#include <algorithm>

#include "aws/lower.h"

namespace sqlite_efs {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view Strip(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// Takes the lines of a file one after the other.
class Reader {
 public:
  // What is wrong with this line; "" if nothing is.
  std::string Take(std::string_view line) {
    const std::string_view content = Strip(line);
    if (content.empty()) {
      if (value_ != nullptr) *value_ += '\n';  // it may be in the middle of a value
      return "";
    }
    if (content.front() == '#' || content.front() == ';') return "";
    const size_t indent = line.find_first_not_of(kBlanks);
    if (value_ != nullptr && indent > indent_) {
      value_->append("\n").append(content);
      return "";
    }
    EndValue();
    indent_ = indent;
    return content.front() == '[' ? TakeSection(content) : TakeSetting(content);
  }

  std::vector<SharedSection> Finish() {
    EndValue();
    return std::move(sections_);
  }

 private:
  std::string TakeSection(std::string_view content) {
    const size_t end = content.rfind(']');
    if (end == std::string_view::npos || end == 1) return "a section must be as in [name]";
    const std::string name(content.substr(1, end - 1));
    if (name == "DEFAULT") return "[DEFAULT] has no effect in all tools; the profile's name is [default]";
    if (std::ranges::any_of(sections_, [&](const SharedSection& s) { return s.name == name; })) {
      return "a section of this name was there before";
    }
    sections_.push_back({name, {}});
    return "";
  }

  std::string TakeSetting(std::string_view content) {
    if (sections_.empty()) return "a setting comes before any section";
    const size_t separator = content.find_first_of("=:");
    if (separator == std::string_view::npos) return "a setting must be as in name = value";
    const std::string name = Lower(Strip(content.substr(0, separator)));
    if (name.empty()) return "a setting has no name";
    const auto [place, is_new] = sections_.back().values.emplace(name, Strip(content.substr(separator + 1)));
    if (!is_new) return "a setting of this name was there before";
    value_ = &place->second;
    return "";
  }

  void EndValue() {
    if (value_ != nullptr) value_->erase(value_->find_last_not_of('\n') + 1);
    value_ = nullptr;
  }

  std::vector<SharedSection> sections_;
  std::string* value_ = nullptr;  // the one that an indented line would go on
  size_t indent_ = 0;
};

}  // namespace

Result<std::vector<SharedSection>> ParseSharedFile(std::string_view text, const std::string& path) {
  Reader reader;
  for (size_t begin = 0, number = 1; begin < text.size(); number++) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string complaint = reader.Take(text.substr(begin, end - begin));
    if (!complaint.empty()) return Status::Invalid(path + ", line " + std::to_string(number) + ": " + complaint);
    begin = end + 1;
  }
  return reader.Finish();
}

std::map<std::string, std::string> ParseNested(const std::string& value) {
  std::map<std::string, std::string> settings;
  for (size_t begin = 0; begin < value.size();) {
    const size_t end = std::min(value.find('\n', begin), value.size());
    const std::string_view line = std::string_view(value).substr(begin, end - begin);
    if (const size_t equals = line.find('='); equals != std::string_view::npos) {
      settings[std::string(Strip(line.substr(0, equals)))] = Strip(line.substr(equals + 1));
    }
    begin = end + 1;
  }
  return settings;
}

}  // namespace sqlite_efs
