// ~/.aws/config and ~/.aws/credentials, which people write.
#include "aws/shared_file.h"

#include <set>

#include "input.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

namespace {

std::string Format(const std::vector<SharedSection>& sections) {
  std::string text;
  for (const SharedSection& section : sections) {
    text += "[" + section.name + "]\n";
    for (const auto& [name, value] : section.values) {
      text += name + " = ";
      for (const char c : value) text += c == '\n' ? std::string("\n  ") : std::string(1, c);
      text += "\n";
    }
  }
  return text;
}

void RequireInForm(const std::vector<SharedSection>& sections) {
  std::set<std::string> names;
  for (const SharedSection& section : sections) {
    Require(!section.name.empty() && names.insert(section.name).second, "a section has a name of its own");
    for (const auto& [name, value] : section.values) {
      Require(!name.empty() && name.find_first_of("=:\nABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos, "name");
      Require(!value.ends_with('\n') && !value.starts_with(' ') && !value.ends_with(' '), "a value is stripped");
      static_cast<void>(ParseNested(value));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto sections = ParseSharedFile(Input(data, size).TakeRest(), "/path");
  if (!sections.ok()) {
    Require(sections.status().Is(StatusCode::kInvalid), "what is refused is invalid");
    Require(sections.status().message().starts_with("/path, line "), "an error names the line");
    return 0;
  }
  RequireInForm(*sections);
  const auto again = ParseSharedFile(Format(*sections), "/path");
  Require(again.ok() && again->size() == sections->size(), "what was read can be written");
  for (size_t i = 0; i < sections->size(); i++) {
    Require((*again)[i].name == (*sections)[i].name && (*again)[i].values == (*sections)[i].values, "round trip");
  }
  return 0;
}
