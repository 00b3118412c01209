// The base: the header of an SQLite database, and what its size says.
#include <array>

#include "input.h"
#include "memory_file_system.h"
#include "store/base_file.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

namespace {

constexpr char kPath[] = "/db";
constexpr char kMagic[] = "SQLite format 3";  // with its zero byte
constexpr uint32_t kMaxPages = 4;
constexpr uint32_t kLargestPadded_bytes = 4096;

void RequireSound(BaseFile& base, const std::vector<std::byte>& content) {
  const uint32_t page_size = base.page_size();
  Require(IsPageSize(page_size), "a page size is a power of two");
  Require(page_size <= content.size(), "there is a whole first page");
  const Result<uint32_t> count = base.PageCount();
  Require(count.ok() && *count >= 1 && uint64_t{*count} * page_size <= content.size(), "the file has all its pages");
  std::vector<std::byte> page(page_size);
  for (uint32_t i = 1; i <= std::min(*count + 1, kMaxPages); i++) {
    std::array<BasePages, 1> runs = {BasePages{{i}, page}};
    const Status read = base.ReadPages(runs);
    const size_t begin = std::min(size_t{i - 1} * page_size, content.size());
    const size_t here = std::min<size_t>(page_size, content.size() - begin);
    Require(read.ok() && runs[0].found == here / page_size,
            "a page can be read, and it is told whether the file has all of it");
    Require(std::memcmp(page.data(), content.data() + begin, here) == 0, "a page is what the file has");
    const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
    Require(std::all_of(page.begin() + static_cast<ptrdiff_t>(here), page.end(), is_zero), "and zeros behind its end");
  }
}

void Check(const std::vector<std::byte>& content) {
  MemoryFileSystem files;
  files.files[kPath] = content;
  const Result<std::unique_ptr<BaseFile>> base = BaseFile::Open(files, kPath);
  if (base.ok()) return RequireSound(**base, content);
  const Status& status = base.status();
  Require(status.Is(StatusCode::kNotDatabase) || status.Is(StatusCode::kCorrupt), "what is wrong is the content");
  Require(status.message().find(kPath) != std::string::npos, "an error names the file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint16_t padding_pages = input.Take<uint8_t>() % kMaxPages;
  const std::string_view text = input.TakeRest();
  std::vector<std::byte> content(AsBytes(text).begin(), AsBytes(text).end());
  Check(content);
  // The same with what no fuzzer guesses: the magic text, and a file as large as the header wants it.
  content.resize(std::max(content.size(), kDatabaseHeaderSize));
  std::memcpy(content.data(), kMagic, sizeof kMagic);
  const uint32_t page_size = PageSizeOf(content);
  if (page_size <= kLargestPadded_bytes) {
    content.resize(std::max<size_t>(content.size(), size_t{page_size} * padding_pages));
  }
  Check(content);
  if (page_size != 0) {
    const std::vector<std::byte> empty = EmptyDatabasePage(page_size);
    Require(PageSizeOf(empty) == page_size && PageCountOf(empty) == 1, "an empty database states its size");
    Check(empty);
  }
  return 0;
}
