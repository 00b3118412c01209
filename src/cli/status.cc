#include <iomanip>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands.h"
#include "cli/lease_view.h"
#include "cli/sqlite_connection.h"
#include "cli/status_prometheus.h"
#include "store/base_file.h"
#include "store/layout.h"
#include "store/verify.h"
#include "vfs/vfs.h"

namespace sqlite_efs::cli {
namespace {

using nlohmann::json;

constexpr char kSummary[] = "Tells whether a database is live, and about its log and its writer's lease";
constexpr char kDetails[] =
    "It takes no lock and changes nothing, needs permission to read only, and may be run at any time; what it says may "
    "be out of date a moment later. A lease in DynamoDB (SQLITE_LOCK_DYNAMODB_TABLE) is shown too; if the table cannot "
    "be asked, the reason is. With --json it prints the object that PRAGMA efs_status answers, with the list of "
    "log segments and the lease's record added; with --format prometheus the state of the database as metrics.";

constexpr int kLabelWidth = 12;

constexpr char kText[] = "text";
constexpr char kJson[] = "json";
constexpr char kPrometheus[] = "prometheus";

struct Options {
  std::string database;
  std::string format = kText;
};

json SegmentsOf(const std::vector<SegmentSummary>& segments, uint64_t last_frames) {
  json list = json::array();
  for (const SegmentSummary& segment : segments) {
    list.push_back({{"number", segment.number.value},
                    {"state", segment.state},
                    {"frames", segment.has_frames ? segment.frames.value : last_frames},
                    {"bytes", segment.bytes}});
  }
  return list;
}

// `lease_text`: what people are told of the lease.
Result<json> LiveStatus(const std::string& path, std::string* lease_text) {
  FileSystem& files = PosixFileSystem();
  const Layout layout(path);
  EFS_ASSIGN_OR_RETURN(SqliteConnection db, SqliteConnection::Open(path, kVfsName, SQLITE_OPEN_READONLY));
  EFS_ASSIGN_OR_RETURN(const std::string text, db.QueryOne("PRAGMA efs_status"));
  json status = json::parse(text);
  EFS_ASSIGN_OR_RETURN(const std::vector<SegmentSummary> segments, SummarizeSegments(files, layout));
  status["segments"] = SegmentsOf(segments, status["segment"]["frames"].get<uint64_t>());
  EFS_ASSIGN_OR_RETURN(const LeaseView lease, LookAtLease(layout));
  AddLease(lease, &status["lease"]);
  *lease_text = LeaseText(lease);
  return status;
}

Result<json> OrdinaryStatus(const std::string& path) {
  json status = {{"version", SQLITE_EFS_VERSION}, {"path", path}, {"state", "ordinary"}};
  EFS_ASSIGN_OR_RETURN(const FileAttributes file, PosixFileSystem().Stat(path));
  status["bytes"] = file.size;
  if (file.size == 0) {
    status["page_count"] = 0;
    return status;
  }
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<BaseFile> base, BaseFile::Open(PosixFileSystem(), path));
  EFS_ASSIGN_OR_RETURN(const uint32_t page_count, base->PageCount());
  status["page_size"] = base->page_size();
  status["page_count"] = page_count;
  return status;
}

void PrintLine(std::ostream& out, const std::string& label, const std::string& text) {
  out << "  " << std::left << std::setw(kLabelWidth) << label << text << "\n";
}

void PrintSegments(std::ostream& out, const json& segments) {
  for (const json& segment : segments) {
    std::ostringstream line;
    line << std::right << std::setw(10) << std::setfill('0') << segment["number"].get<uint64_t>() << std::setfill(' ')
         << "  " << std::left << std::setw(8) << segment["state"].get<std::string>() << std::right << std::setw(10)
         << segment["frames"].get<uint64_t>() << " frames  " << std::setw(10) << Size(segment["bytes"].get<uint64_t>());
    PrintLine(out, "", line.str());
  }
}

void PrintText(std::ostream& out, const json& status, const std::string& lease_text) {
  const bool live = status["state"] == "live";
  out << status["path"].get<std::string>() << (live ? " is live" : " is an ordinary database") << "\n";
  if (!status.contains("page_size")) {
    PrintLine(out, "size", "empty");
    return;
  }
  const uint64_t pages = status["page_count"].get<uint64_t>();
  const uint64_t page_size = status["page_size"].get<uint64_t>();
  PrintLine(out, "size",
            Count(pages, "page") + " of " + std::to_string(page_size) + " bytes, " + Size(pages * page_size));
  if (!live) return;
  const json& id = status["database_id"];
  PrintLine(out, "identity", id.is_string() ? id.get<std::string>() : "cannot be read; see: sqlite-efs verify");
  PrintLine(out, "lease", lease_text);
  PrintLine(out, "log", Count(status["segments"].size(), "segment"));
  PrintSegments(out, status["segments"]);
}

Status ShowStatus(const Context& context, const Options& options) {
  EFS_ASSIGN_OR_RETURN(const std::string path, ResolveDatabase(options.database));
  std::string lease_text;
  EFS_ASSIGN_OR_RETURN(const json status,
                       IsLive(PosixFileSystem(), path) ? LiveStatus(path, &lease_text) : OrdinaryStatus(path));
  if (options.format == kJson) {
    context.out << status.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  } else if (options.format == kPrometheus) {
    EFS_ASSIGN_OR_RETURN(const std::string metrics, StatusPrometheus(status));
    context.out << metrics;
  } else {
    PrintText(context.out, status, lease_text);
  }
  return {};
}

}  // namespace

void AddStatus(CLI::App& app, Context& context) {
  CLI::App* const command = AddCommand(app, "status", kSummary, kDetails);
  const auto options = std::make_shared<Options>();
  command->add_option("DB", options->database, "The database file")->required();
  CLI::Option* const format = command->add_option("--format", options->format, "text, json or prometheus");
  format->check(CLI::IsMember({kText, kJson, kPrometheus}));
  command
      ->add_flag_callback(
          "--json", [options] { options->format = kJson; }, "The same as --format json")
      ->excludes(format);
  command->callback([&context, options] {
    context.run = [&context, options] { return context.Fail(ShowStatus(context, *options)); };
  });
}

}  // namespace sqlite_efs::cli
