#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/uuid.h"
#include "cli/commands.h"
#include "cli/progress_bar.h"
#include "cli/sqlite_connection.h"
#include "store/base_file.h"
#include "store/layout.h"
#include "vfs/vfs.h"

namespace sqlite_efs::cli {
namespace {

constexpr char kSummary[] = "Copies a database, live or ordinary, into one new ordinary file";
constexpr char kDetails[] =
    "The copy is the state of one instant, the beginning, whatever others commit meanwhile; a live database is written "
    "to and read as usual while it is copied. (An ordinary one in rollback mode keeps its writers waiting.) DST is a "
    "whole SQLite database in rollback mode, durable before it gets its name: a crash leaves no half copy under that "
    "name. An existing DST is refused unless --force is given, and then replaced in one step. Exit code 4: the source "
    "was locked, or was detached during the copy.";

constexpr int kStep_pages = 512;
constexpr uint32_t kPrivate = 0600;
constexpr uint32_t kAnyReadWrite = 0666;

struct Options {
  std::string source;
  std::string target;
  bool force = false;
  double timeout_s = kDefaultTimeout_s;
};

volatile std::sig_atomic_t interrupted = 0;

// While it exists, Ctrl-C and `kill` end the copy in order, so that nothing half done stays behind.
class InterruptGuard {
 public:
  InterruptGuard() : old_int_(std::signal(SIGINT, &Note)), old_term_(std::signal(SIGTERM, &Note)) {}
  ~InterruptGuard() {
    (void)std::signal(SIGINT, old_int_);
    (void)std::signal(SIGTERM, old_term_);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  static void Note(int) { interrupted = 1; }
  void (*old_int_)(int);
  void (*old_term_)(int);
};

// A file beside the target, removed unless it became the target.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target) : path_(target + ".tmp." + NewUuid()) {}
  ~TemporaryFile() { (void)PosixFileSystem().Remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

Status WrongTarget(const std::string& target, const std::string& why) {
  return {StatusCode::kExists, target + " " + why};
}

// The target with its directory resolved; the file itself need not exist.
Result<std::string> ResolveTarget(const std::string& target, const std::string& source, bool force) {
  std::error_code error;
  const std::filesystem::path given(target);
  const std::filesystem::path folder =
      std::filesystem::canonical(given.has_parent_path() ? given.parent_path() : ".", error);
  if (error || !given.has_filename()) {
    return Status(StatusCode::kNotFound,
                  "the directory of " + target + " does not exist; create it, or correct the path");
  }
  const std::string path = (folder / given.filename()).string();
  FileSystem& files = PosixFileSystem();
  const Layout layout(path);
  if (files.Stat(layout.directory()).ok() || files.Stat(layout.journal()).ok()) {
    return WrongTarget(path,
                       "has a journal, a -wal file or a log directory beside it, which would be taken for the copy's; "
                       "remove those, or choose another name");
  }
  const Result<FileAttributes> present = files.Stat(path);
  if (!present.ok()) return path;
  if (present->is_directory) return WrongTarget(path, "is a directory; name the file to create in it");
  EFS_ASSIGN_OR_RETURN(const FileAttributes original, files.Stat(source));
  if (present->inode == original.inode && present->device == original.device) {
    return WrongTarget(path, "is the database itself; choose another name for the copy");
  }
  if (force) return path;
  return WrongTarget(path, "exists already; choose another name, or replace it with --force");
}

// Copies what `source` sees at one instant.
Status CopyPages(const SqliteConnection& source, const SqliteConnection& target) {
  const std::unique_ptr<sqlite3_backup, int (*)(sqlite3_backup*)> backup(
      sqlite3_backup_init(target.get(), "main", source.get(), "main"), &sqlite3_backup_finish);
  if (!backup) return target.StatusOf(sqlite3_extended_errcode(target.get()));
  const InterruptGuard guard;
  ProgressBar bar("copying");
  int rc = SQLITE_OK;
  while (rc == SQLITE_OK && interrupted == 0) {
    rc = sqlite3_backup_step(backup.get(), kStep_pages);
    const auto total = static_cast<uint64_t>(sqlite3_backup_pagecount(backup.get()));
    bar.Show(total - static_cast<uint64_t>(sqlite3_backup_remaining(backup.get())), total);
  }
  if (rc == SQLITE_OK) return Status(StatusCode::kIoError, "the backup was interrupted; nothing was written");
  if (rc == SQLITE_DONE) return {};
  const bool of_target = (rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_READONLY;
  return (of_target ? target : source).StatusOf(rc);
}

Status CopyDatabase(const Context& context, const std::string& source, const std::string& copy, Duration timeout) {
  const std::string vfs = IsLive(PosixFileSystem(), source) ? kVfsName : context.stock_vfs;
  EFS_ASSIGN_OR_RETURN(SqliteConnection from, SqliteConnection::Open(source, vfs, SQLITE_OPEN_READONLY, timeout));
  // An open read transaction pins the snapshot, so that no commit makes the copy begin again.
  EFS_RETURN_IF_ERROR(from.Query("BEGIN").status());
  EFS_RETURN_IF_ERROR(from.Query("SELECT count(*) FROM sqlite_schema").status());
  EFS_ASSIGN_OR_RETURN(SqliteConnection to, SqliteConnection::Open(copy, context.stock_vfs, SQLITE_OPEN_READWRITE));
  // Nothing of a file without a name has to survive a crash.
  for (const char* sql : {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF"}) {
    EFS_RETURN_IF_ERROR(to.Query(sql).status());
  }
  return CopyPages(from, to);
}

// Makes the copy durable, and an ordinary database in rollback mode that as many may read as the source.
Status Finish(const std::string& source, const std::string& copy) {
  FileSystem& files = PosixFileSystem();
  EFS_ASSIGN_OR_RETURN(const FileAttributes original, files.Stat(source));
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(copy, OpenMode::kReadWrite));
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, file->Look());
  EFS_RETURN_IF_ERROR(file->ChangeMode((original.mode & kAnyReadWrite) | kPrivate));
  return attributes.size == 0 ? file->Sync() : SetRollbackMode(*file);
}

Status GiveName(const std::string& copy, const std::string& target, bool force) {
  FileSystem& files = PosixFileSystem();
  if (force) {
    if (std::rename(copy.c_str(), target.c_str()) != 0) return Status::FromErrno(errno, "rename to", target);
  } else {
    const Status linked = files.Link(copy, target);  // unlike a rename, it replaces nothing
    if (linked.Is(StatusCode::kExists)) return WrongTarget(target, "was created meanwhile; choose another name");
    EFS_RETURN_IF_ERROR(linked);
  }
  return files.SyncDirectory(FolderOf(target));
}

Status Backup(const Context& context, const Options& options) {
  FileSystem& files = PosixFileSystem();
  EFS_ASSIGN_OR_RETURN(const std::string source, ResolveDatabase(options.source));
  EFS_ASSIGN_OR_RETURN(const std::string target, ResolveTarget(options.target, source, options.force));
  const TemporaryFile copy(target);
  { EFS_ASSIGN_OR_RETURN(const std::unique_ptr<File> made, files.Open(copy.path(), OpenMode::kCreateNew, kPrivate)); }
  EFS_RETURN_IF_ERROR(CopyDatabase(context, source, copy.path(), ToDuration(options.timeout_s)));
  EFS_RETURN_IF_ERROR(Finish(source, copy.path()));
  EFS_ASSIGN_OR_RETURN(const FileAttributes written, files.Stat(copy.path()));
  EFS_RETURN_IF_ERROR(GiveName(copy.path(), target, options.force));
  context.out << source << " was copied to " << target << ": " << Size(written.size) << "\n";
  return {};
}

}  // namespace

void AddBackup(CLI::App& app, Context& context) {
  CLI::App* const command = AddCommand(app, "backup", kSummary, kDetails);
  const auto options = std::make_shared<Options>();
  command->add_option("SRC", options->source, "The database to copy")->required();
  command->add_option("DST", options->target, "The file to create")->required();
  command->add_flag("--force", options->force, "Replace DST if it exists");
  AddTimeout(*command, &options->timeout_s);
  command->callback(
      [&context, options] { context.run = [&context, options] { return context.Fail(Backup(context, *options)); }; });
}

}  // namespace sqlite_efs::cli
