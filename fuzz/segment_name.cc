// Names in a log directory: which are segments, and of which number.
#include "input.h"
#include "store/layout.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Layout layout("/db");
  const std::string name(Input(data, size).TakeRest());
  const auto number = ParseSegmentName(name);
  if (number) Require(layout.segment(*number) == layout.directory() + "/" + name, "a segment has one name");
  const SegmentNumber any = {Input(data, size).Take<uint64_t>()};
  const std::string path = layout.segment(any);
  const auto again = ParseSegmentName(std::string_view(path).substr(layout.directory().size() + 1));
  Require(again.has_value() == (any.value != 0), "every number but 0 has a name");
  if (again) Require(*again == any, "a name is read as it was made");
  return 0;
}
