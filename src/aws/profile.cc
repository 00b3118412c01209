#include "aws/profile.h"

#include <string_view>
#include <vector>

#include "aws/read_file.h"
#include "aws/shared_file.h"

namespace sqlite_efs {
namespace {

using Settings = std::map<std::string, std::string>;

std::string FirstOf(const std::string& first, const std::string& second) { return first.empty() ? second : first; }

// The path that `variable` names, or `name` in ~/.aws.
std::string PathOf(const Variables& variables, const char* variable, const std::string& name) {
  const std::string home = variables("HOME");
  const std::string path = FirstOf(variables(variable), "~/.aws/" + name);
  if (!path.starts_with("~/")) return path;
  return home.empty() ? "" : home + path.substr(1);
}

// The sections of the file; none if there is no file, and a remark if it is there but may not be read.
Result<std::vector<SharedSection>> ReadSections(FileSystem& files, const std::string& path, std::string* remarks) {
  if (path.empty()) return std::vector<SharedSection>();
  const Result<std::string> text = ReadFile(files, path);
  if (text.ok()) return ParseSharedFile(*text, path);
  if (!text.status().Is(StatusCode::kNotFound)) *remarks += "; " + text.status().message();
  return std::vector<SharedSection>();
}

// Whether `section` is called "<kind> <name>", with or without quotes around the name.
bool IsCalled(const std::string& section, std::string_view kind, const std::string& name) {
  if (!section.starts_with(kind)) return false;
  std::string_view rest = std::string_view(section).substr(kind.size());
  const size_t begin = rest.find_first_not_of(" \t");
  if (begin == 0 || begin == std::string_view::npos) return false;
  rest = rest.substr(begin, rest.find_last_not_of(" \t") - begin + 1);
  if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') && rest.front() == rest.back()) {
    rest = rest.substr(1, rest.size() - 2);
  }
  return rest == name;
}

// The settings of the last section that `matches`; null if none does.
template <typename Matches>
const Settings* Find(const std::vector<SharedSection>& sections, const Matches& matches) {
  const Settings* found = nullptr;
  for (const SharedSection& section : sections) {
    if (matches(section.name)) found = &section.values;
  }
  return found;
}

}  // namespace

std::string Profile::Get(const std::string& setting) const {
  const auto found = settings.find(setting);
  return found != settings.end() ? found->second : "";
}

Result<Profile> LoadProfile(const Variables& variables, FileSystem& files) {
  Profile profile;
  const std::string asked_for = FirstOf(variables("AWS_DEFAULT_PROFILE"), variables("AWS_PROFILE"));
  profile.name = FirstOf(asked_for, "default");
  profile.config_path = PathOf(variables, "AWS_CONFIG_FILE", "config");
  profile.credentials_path = PathOf(variables, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  EFS_ASSIGN_OR_RETURN(const auto config, ReadSections(files, profile.config_path, &profile.remarks));
  EFS_ASSIGN_OR_RETURN(const auto credentials, ReadSections(files, profile.credentials_path, &profile.remarks));

  const Settings* in_config = Find(config, [&](const std::string& section) {
    return IsCalled(section, "profile", profile.name) || (section == "default" && profile.name == "default");
  });
  const Settings* in_credentials = Find(credentials, [&](const std::string& s) { return s == profile.name; });
  if (in_config == nullptr && in_credentials == nullptr && !asked_for.empty()) {
    return Status::Invalid("the AWS profile '" + profile.name + "' (AWS_PROFILE) is neither in " +
                           FirstOf(profile.config_path, "~/.aws/config") + " nor in " +
                           FirstOf(profile.credentials_path, "~/.aws/credentials") + profile.remarks);
  }
  if (in_config != nullptr) profile.config = *in_config;
  if (in_credentials != nullptr) profile.credentials = *in_credentials;
  profile.settings = profile.credentials;
  profile.settings.insert(profile.config.begin(), profile.config.end());

  if (const std::string services = profile.Get("services"); !services.empty()) {
    const Settings* found = Find(config, [&](const std::string& s) { return IsCalled(s, "services", services); });
    if (found == nullptr) {
      return Status::Invalid(profile.config_path + ": the profile '" + profile.name +
                             "' names services that have no section [services ...]");
    }
    profile.services = *found;
  }
  return profile;
}

}  // namespace sqlite_efs
