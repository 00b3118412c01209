// The reader of log segments: what it believes of any bytes must verify.
#include "store/segment.h"

#include "memory_file_system.h"
#include "segment_script.h"

using namespace sqlite_efs;        // NOLINT(google-build-using-namespace): a program of one file
using namespace sqlite_efs::fuzz;  // NOLINT(google-build-using-namespace)

namespace {

using Content = std::vector<std::byte>;

Bytes FrameAt(const Content& content, const WalHeader& header, uint32_t frame) {
  const uint64_t offset = FrameOffset({frame}, header.page_size);
  const size_t size = kFrameHeaderSize + header.page_size;
  return offset + size <= content.size() ? Bytes(content).subspan(offset, size) : Bytes();
}

// Makes the first frame's chain from the segment's own header.
WalChecksum FirstChain(const Content& content) {
  WalChecksum chain;
  const auto header = DecodeWalHeader(content, &chain);
  Require(header.has_value(), "a segment that was opened has a header");
  const auto again = EncodeWalHeader(*header, &chain);
  Require(std::memcmp(again.data(), content.data(), again.size()) == 0, "a header is read as it was made");
  return chain;
}

// Every frame that was found continues the chain, and no commit that continues it was left out.
void RequireVerified(const Content& content, const Segment& segment, const NewFrames& found, FrameNumber limit) {
  const WalHeader& header = segment.header();
  WalChecksum chain = FirstChain(content);
  Require(found.end.frames <= limit, "no frame beyond the limit is found");
  Require(found.pages.size() == found.end.frames.value, "a page for every frame");
  for (uint32_t i = 1; i <= found.end.frames.value; i++) {
    const Bytes frame = FrameAt(content, header, i);
    Require(!frame.empty(), "a frame that is found is in the file");
    const WalChecksum before = chain;
    const auto decoded = DecodeFrame(header, frame, &chain);
    Require(decoded.has_value() && decoded->page == found.pages[i - 1], "a frame that is found verifies");
    Content copy(frame.begin(), frame.end());
    Require(EncodeFrame(header, *decoded, before, copy) == chain && std::equal(copy.begin(), copy.end(), frame.begin()),
            "a frame is read as it was made");
    if (i == found.end.frames.value) Require(decoded->page_count == found.end.page_count, "the last one is a commit");
  }
  Require(found.end.checksum == chain, "the end of the chain");
  Require((found.end.frames.value == 0) == (found.end.page_count == 0), "what is found ends with a commit");
  for (uint32_t i = found.end.frames.value + 1; i <= limit.value; i++) {
    const Bytes frame = FrameAt(content, header, i);
    const auto decoded = frame.empty() ? std::nullopt : DecodeFrame(header, frame, &chain);
    if (!decoded) break;
    Require(decoded->page_count == 0, "every whole commit is found");
  }
}

// Whoever reads in two steps finds the same.
void RequireSameInSteps(const Segment& segment, uint64_t size, const NewFrames& whole, FrameNumber first_step) {
  SegmentEnd start;
  start.checksum = segment.end.checksum;
  const Result<NewFrames> first = segment.Scan(start, size, first_step);
  Require(first.ok(), "a part of what can be read can be read");
  const Result<NewFrames> second = segment.Scan(first->end, size);
  if (!second.ok()) return;  // damage behind the end may be proved by what is read on the way
  Require(second->end.frames == whole.end.frames && second->end.checksum == whole.end.checksum, "the same end");
  Require(first->pages.size() + second->pages.size() == whole.pages.size(), "the same frames");
}

void RequirePagesRead(const Content& content, const Segment& segment, FrameNumber end) {
  Content page(segment.header().page_size);
  for (uint32_t i = 1; i <= end.value; i++) {
    Require(segment.ReadPage({i}, page).ok(), "the page of a frame that is found can be read");
    const Bytes there = FrameAt(content, segment.header(), i).subspan(kFrameHeaderSize);
    Require(std::equal(page.begin(), page.end(), there.begin()), "it is the frame's");
  }
}

void Check(const Content& content, FrameNumber limit, const SegmentScript* script) {
  const Layout layout("/db");
  MemoryFileSystem files;
  files.files[layout.segment({1})] = content;
  const Result<std::shared_ptr<Segment>> opened = Segment::Open(files, layout, {1}, kScriptPageSize);
  if (!opened.ok()) {
    Require(opened.status().message().find(layout.base()) != std::string::npos, "an error names the file");
    return;
  }
  const Segment& segment = **opened;
  const Result<NewFrames> found = segment.Scan(segment.end, content.size(), limit);
  if (!found.ok()) {
    Require(found.status().Is(StatusCode::kCorrupt), "what is wrong is the content");
    Require(script == nullptr || script->damaged(), "what a writer leaves is not damaged");
    return;
  }
  RequireVerified(content, segment, *found, limit);
  RequirePagesRead(content, segment, found->end.frames);
  if (limit.value != UINT32_MAX) return;
  const bool whole = script != nullptr && !script->damaged();
  if (whole) Require(found->end.frames == script->last_commit(), "all that was committed is found");
  RequireSameInSteps(segment, content.size(), *found, {found->end.frames.value / 2});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view raw = Input(data, size).TakeRest();
  Check(Content(AsBytes(raw).begin(), AsBytes(raw).end()), {UINT32_MAX}, nullptr);
  Input input(data, size);
  const FrameNumber limit = {input.Take<uint8_t>()};
  const SegmentScript script(&input);
  Check(script.content(), {UINT32_MAX}, &script);
  Check(script.content(), limit, &script);
  return 0;
}
