#include "store/base_file.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace sqlite_efs {
namespace {

constexpr char kMagic[16] = "SQLite format 3";  // with its zero byte
constexpr uint32_t kUtf8 = 1;
constexpr uint32_t kSchemaFormat = 4;
constexpr std::byte kLeafTablePage{0x0d};
constexpr int kMaxHeaderReads = 4;
constexpr int kMaxStamps = 20;

// A round trip of so many bytes takes about as long as a short one; and of so many, less than several.
constexpr uint64_t kHeadRead_bytes = uint64_t{128} << 10;
constexpr uint64_t kWholeRead_bytes = uint64_t{1} << 20;

Status NotDatabase(const std::string& path) {
  return {StatusCode::kNotDatabase,
          path + " is not an SQLite database; restore it from a backup, or name another file"};
}

bool HasMagic(Bytes header) { return std::memcmp(header.data(), kMagic, sizeof kMagic) == 0; }

}  // namespace

uint32_t PageSizeOf(Bytes header) {
  const uint32_t stated = (std::to_integer<uint32_t>(header[16]) << 8) | std::to_integer<uint32_t>(header[17]);
  const uint32_t size = stated == 1 ? kMaxPageSize : stated;
  return IsPageSize(size) ? size : 0;
}

uint32_t PageCountOf(Bytes header) {
  const bool valid = ReadBigEndian32(&header[kChangeCounterOffset]) == ReadBigEndian32(&header[kVersionValidForOffset]);
  return valid ? ReadBigEndian32(&header[kPageCountOffset]) : 0;
}

Result<std::unique_ptr<BaseFile>> BaseFile::Open(FileSystem& files, const std::string& path) {
  return OpenWith(files, path, /*reads_head=*/false);
}

Result<std::unique_ptr<BaseFile>> BaseFile::OpenAndRead(FileSystem& files, const std::string& path) {
  return OpenWith(files, path, /*reads_head=*/true);
}

Result<std::unique_ptr<BaseFile>> BaseFile::OpenWith(FileSystem& files, const std::string& path, bool reads_head) {
  EFS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(path, OpenMode::kReadFresh));
  std::unique_ptr<BaseFile> base(new BaseFile(std::move(file)));
  FileAttributes attributes = base->file_->Opened();
  const uint64_t head = attributes.size <= kWholeRead_bytes ? attributes.size : kHeadRead_bytes;
  base->head_.resize(std::max<uint64_t>(reads_head ? head : 0, kDatabaseHeaderSize));
  // Size and header are two readings, between which somebody may merge.
  Status status = base->CheckHeader(attributes);
  for (int i = 1; i < kMaxHeaderReads && status.Is(StatusCode::kCorrupt); i++) {
    EFS_ASSIGN_OR_RETURN(attributes, base->file_->Look());
    status = base->CheckHeader(attributes);
  }
  if (!status.ok()) return status;
  if (!reads_head) base->head_.clear();
  return base;
}

// Reads as much as head_ has room for.
Status BaseFile::CheckHeader(const FileAttributes& attributes) {
  EFS_ASSIGN_OR_RETURN(const size_t size, file_->ReadAt(0, head_));
  if (size < kDatabaseHeaderSize) return NotDatabase(file_->path());
  const Bytes header = Bytes(head_).first(kDatabaseHeaderSize);
  if (!HasMagic(header) || PageSizeOf(header) == 0) return NotDatabase(file_->path());
  head_.resize(size);
  page_size_ = PageSizeOf(header);
  const uint64_t stated = uint64_t{PageCountOf(header)} * page_size_;
  if (attributes.size >= std::max<uint64_t>(stated, page_size_)) {
    opened_page_count_ = static_cast<uint32_t>((stated != 0 ? stated : attributes.size) / page_size_);
    return {};
  }
  return Status::Corrupt(file_->path() + " is truncated: its header states " + std::to_string(stated) +
                         " bytes, it has " + std::to_string(attributes.size) + "; restore it from a backup");
}

Status BaseFile::ReadPages(std::span<BasePages> runs) const {
  std::vector<ReadRequest> requests;
  requests.reserve(runs.size());
  for (const BasePages& run : runs) {
    assert(run.first.value != 0 && run.out.size() % page_size_ == 0);
    requests.push_back({uint64_t{run.first.value - 1} * page_size_, run.out});
  }
  EFS_RETURN_IF_ERROR(file_->ReadAll(requests));
  for (size_t i = 0; i < runs.size(); i++) {
    const size_t size = requests[i].done;
    std::ranges::fill(runs[i].out.subspan(size), std::byte{0});
    runs[i].found = size / page_size_;
  }
  return {};
}

Result<uint32_t> BaseFile::PageCount() const {
  std::array<std::byte, kDatabaseHeaderSize> header;
  EFS_ASSIGN_OR_RETURN(const size_t size, file_->ReadAt(0, header));
  const uint32_t stated = size == header.size() ? PageCountOf(header) : 0;
  if (stated != 0) return stated;
  EFS_ASSIGN_OR_RETURN(const FileAttributes attributes, file_->Look());
  return static_cast<uint32_t>(attributes.size / page_size_);
}

Status StampBase(File& base, Clock& clock, Duration tick) {
  for (int i = 0; i < kMaxStamps; i++) {
    EFS_ASSIGN_OR_RETURN(const FileAttributes before, base.Look());
    EFS_ASSIGN_OR_RETURN(const FileAttributes after, base.TouchAndLook());
    if (after.mtime_ns - before.mtime_ns >= tick.count()) return {};
    clock.Sleep(2 * tick);
  }
  return Status::IoError("the file server of " + base.path() + " gives it no new time stamps; its clock stands still");
}

Status SetWalMode(File& base) {
  std::array<std::byte, kDatabaseHeaderSize> header = {};
  EFS_RETURN_IF_ERROR(base.ReadAt(0, header).status());
  const std::span versions(&header[kWriteVersionOffset], 2);
  if (std::ranges::all_of(versions, [](std::byte version) { return version == kVersionWal; })) return {};
  std::ranges::fill(versions, kVersionWal);
  const uint32_t counter = ReadBigEndian32(&header[kChangeCounterOffset]) + 1;
  const bool states_its_size = PageCountOf(header) != 0;
  WriteBigEndian32(&header[kChangeCounterOffset], counter);
  if (states_its_size) WriteBigEndian32(&header[kVersionValidForOffset], counter);
  EFS_RETURN_IF_ERROR(base.WriteAt(0, header));
  return base.Sync();
}

Status SetRollbackMode(File& base) {
  const std::array<std::byte, 2> versions = {kVersionRollback, kVersionRollback};
  EFS_RETURN_IF_ERROR(base.WriteAt(kWriteVersionOffset, versions));
  return base.Sync();
}

std::vector<std::byte> EmptyDatabasePage(uint32_t page_size) {
  std::vector<std::byte> page(page_size);
  std::memcpy(page.data(), kMagic, sizeof kMagic);
  const uint32_t stated = page_size == kMaxPageSize ? 1 : page_size;
  page[16] = std::byte(stated >> 8);
  page[17] = std::byte(stated & 0xff);
  page[kWriteVersionOffset] = page[kWriteVersionOffset + 1] = kVersionWal;
  page[21] = std::byte{64};  // payload fractions: fixed
  page[22] = std::byte{32};
  page[23] = std::byte{32};
  WriteBigEndian32(&page[kPageCountOffset], 1);
  WriteBigEndian32(&page[44], kSchemaFormat);
  WriteBigEndian32(&page[56], kUtf8);
  std::byte* const tree = &page[kDatabaseHeaderSize];  // an empty leaf of the schema table
  tree[0] = kLeafTablePage;
  const uint32_t content_start = page_size == kMaxPageSize ? 0 : page_size;
  tree[5] = std::byte(content_start >> 8);
  tree[6] = std::byte(content_start & 0xff);
  return page;
}

}  // namespace sqlite_efs
