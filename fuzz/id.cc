// The identity of a database: a file `id` in its log directory.
#include "base/uuid.h"
#include "input.h"
#include "memory_file_system.h"
#include "store/layout.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Layout layout("/db");
  const std::string text(Input(data, size).TakeRest());
  MemoryFileSystem files;
  files.files[layout.id()].assign(AsBytes(text).begin(), AsBytes(text).end());
  const Result<std::string> id = ReadDatabaseId(files, layout);
  const bool right = size == 37 && text.back() == '\n' && IsUuid(std::string_view(text).substr(0, 36));
  Require(id.ok() == right, "an identity is a UUID and a line end, and nothing else");
  if (id.ok()) {
    Require(*id + "\n" == text, "the identity is what the file says");
  } else {
    Require(id.status().message().find(layout.id()) != std::string::npos, "an error names the file");
  }
  return 0;
}
