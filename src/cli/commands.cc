#include "cli/commands.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <system_error>
#include <utility>

namespace sqlite_efs::cli {
namespace {

constexpr double kLongestTimeout_s = 3600;
constexpr size_t kLine_characters = 80;

// Help of a subcommand: its summary, and what it promises.
class HelpFormatter final : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::string details) : details_(std::move(details)) {}
  std::string make_description(const CLI::App* app) const override {
    return app->get_description() + "\n\n" + Wrapped(details_) + "\n\n";
  }

 private:
  const std::string details_;
};

std::string WrappedLine(const std::string& line) {
  std::istringstream words(line);
  std::string wrapped;
  size_t column = 0;
  for (std::string word; words >> word;) {
    if (column != 0) wrapped += column + 1 + word.size() > kLine_characters ? '\n' : ' ';
    column = wrapped.empty() || wrapped.back() == '\n' ? 0 : column + 1;
    wrapped += word;
    column += word.size();
  }
  return wrapped;
}

}  // namespace

ExitCode Context::Fail(const Status& status) const {
  if (!status.ok()) Complain(status.message());
  return ExitCodeOf(status);
}

void Context::Complain(const std::string& sentence) const { errors << "sqlite-efs: " << sentence << "\n"; }

CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& summary, const std::string& details) {
  CLI::App* const command = app.add_subcommand(name, summary);
  command->formatter(std::make_shared<HelpFormatter>(details));
  return command;
}

std::string Wrapped(const std::string& text) {
  std::istringstream lines(text);
  std::string wrapped;
  for (std::string line; std::getline(lines, line);) {
    wrapped += (wrapped.empty() ? "" : "\n") + (line.starts_with(' ') ? line : WrappedLine(line));
  }
  return wrapped;
}

void AddTimeout(CLI::App& command, double* seconds) {
  command.add_option("--timeout", *seconds, "How long to wait for other users of the database, at most")
      ->option_text("SECONDS [5]")
      ->check(CLI::Range(0.0, kLongestTimeout_s));
}

void AddFormerName(CLI::App& command, std::string* name) {
  command
      .add_option("--former-name", *name,
                  "NAME in the settings of django-sqlite-efs 0.1, whose lock on it is in the table too")
      ->option_text("NAME");
}

Status CheckFormerName(const std::string& name, const Settings& settings) {
  if (name.empty() || !settings.lock_dynamodb_table.empty()) return {};
  return Status::Invalid("the lock of django-sqlite-efs 0.1 on " + name +
                         " is in a DynamoDB table; set SQLITE_LOCK_DYNAMODB_TABLE to its name");
}

Duration ToDuration(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

Result<std::string> ResolveDatabase(const std::string& path) {
  std::error_code error;
  const std::filesystem::path resolved = std::filesystem::canonical(path, error);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) {
    return Status(StatusCode::kNotFound, "there is no file " + path + "; correct the path");
  }
  if (error) return Status::FromErrno(error.value(), "open", path);
  if (std::filesystem::is_directory(resolved, error)) {
    return Status::CantOpen(path + " is a directory; name the database file in it");
  }
  if (!std::filesystem::is_regular_file(resolved, error)) {
    return Status::CantOpen(path + " is not a regular file; name a database file");
  }
  return resolved.string();
}

Result<Settings> SettingsToWrite(const std::string& path) {
  EFS_ASSIGN_OR_RETURN(Settings settings, ParseSettings({}, &ReadEnvironment));
  EFS_RETURN_IF_ERROR(CheckLeaseServesAll(settings, path));
  return settings;
}

std::string Count(uint64_t count, const std::string& singular) {
  return std::to_string(count) + " " + singular + (count == 1 ? "" : "s");
}

std::string Size(uint64_t bytes) {
  constexpr std::array<const char*, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return Count(bytes, "byte");
  double size = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); unit++) size /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f %s", size, kUnits[unit]);
  return text.data();
}

}  // namespace sqlite_efs::cli
