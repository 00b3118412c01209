#include "vfs/event_log.h"

#include <memory>

#include "base/events.h"
#include "os/append_file.h"
#include "vfs/metrics_text.h"
#include "vfs/settings.h"

namespace sqlite_efs {

Status OpenEventLog(const std::string& destination) {
  Result<std::unique_ptr<AppendFile>> opened =
      destination == "stderr" ? AppendFile::StandardError() : AppendFile::Open(destination);
  if (!opened.ok()) {
    return Status::CantOpen("the environment variable SQLITE_EFS_LOG names \"" + destination +
                            "\", to which nothing can be added (" + opened.status().message() +
                            "); let it name a file in a directory that exists, or \"stderr\", or unset it");
  }
  const std::shared_ptr<AppendFile> file = std::move(*opened);
  SetEventLog([file](const Event& event) { file->Append(JsonLine(EventJson(event)) + "\n"); });
  return {};
}

Status OpenEventLogByEnvironment() {
  static const Status opened = [] {
    const std::string destination = ReadEnvironment("SQLITE_EFS_LOG").value_or("");
    return destination.empty() ? Status() : OpenEventLog(destination);
  }();
  return opened;
}

}  // namespace sqlite_efs
