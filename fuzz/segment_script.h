#ifndef SQLITE_EFS_FUZZ_SEGMENT_SCRIPT_H_
#define SQLITE_EFS_FUZZ_SEGMENT_SCRIPT_H_

#include <cstring>
#include <string_view>
#include <vector>

#include "input.h"
#include "store/wal_format.h"

namespace sqlite_efs::fuzz {

inline constexpr uint32_t kScriptPageSize = 512;
inline constexpr size_t kMaxFrames = 64;

// A segment as a writer leaves it, or as none should: the fuzzer chooses the frames, and what is damaged afterwards. It
// could not guess a checksum.
class SegmentScript {
 public:
  // Takes from `input` until its part is over.
  explicit SegmentScript(Input* input, FrameNumber counted_of_previous = {}) {
    header_ = {kScriptPageSize, counted_of_previous, input->Take<uint8_t>(), input->Take<uint8_t>()};
    const auto bytes = EncodeWalHeader(header_, &chain_);
    content_.assign(bytes.begin(), bytes.end());
    const size_t steps = input->Take<uint8_t>() % kMaxFrames;
    for (size_t i = 0; i < steps && !input->empty(); i++) Step(input);
  }

  const std::vector<std::byte>& content() const { return content_; }
  bool damaged() const { return damaged_; }
  FrameNumber last_commit() const { return {last_commit_}; }

 private:
  enum Action : uint8_t { kFrame, kCommit, kForeignFrame, kFlip, kCut, kZeros, kActions };

  void Step(Input* input) {
    switch (input->Take<uint8_t>() % kActions) {
      case kFrame:
        return Add(input, header_, 0);
      case kCommit:
        return Add(input, header_, 1 + input->Take<uint8_t>());
      case kForeignFrame: {  // of an earlier life of the file
        WalHeader other = header_;
        other.salt2++;
        damaged_ = true;
        return Add(input, other, input->Take<uint8_t>() % 2);
      }
      case kFlip: {
        const size_t at = input->Take<uint16_t>() % content_.size();
        content_[at] ^= std::byte{input->Take<uint8_t>()};
        damaged_ = true;
        return;
      }
      case kCut:
        content_.resize(content_.size() - input->Take<uint16_t>() % content_.size());
        if (content_.empty()) content_.push_back(std::byte{0});
        damaged_ = true;
        return;
      case kZeros:  // room allocated ahead
        content_.resize(content_.size() + input->Take<uint16_t>() % 4096);
        damaged_ = true;
        return;
      default:
        return;
    }
  }

  void Add(Input* input, const WalHeader& header, uint32_t page_count) {
    std::vector<std::byte> frame(kFrameHeaderSize + kScriptPageSize, std::byte{input->Take<uint8_t>()});
    const PageNumber page = {uint32_t{input->Take<uint8_t>()} + 1};
    const WalChecksum chained = EncodeFrame(header, {page, page_count}, chain_, frame);
    chain_ = chained;
    content_.insert(content_.end(), frame.begin(), frame.end());
    frames_++;
    if (page_count != 0) last_commit_ = frames_;
  }

  WalHeader header_;
  WalChecksum chain_;
  std::vector<std::byte> content_;
  bool damaged_ = false;
  uint32_t frames_ = 0;
  uint32_t last_commit_ = 0;
};

}  // namespace sqlite_efs::fuzz

#endif  // SQLITE_EFS_FUZZ_SEGMENT_SCRIPT_H_
