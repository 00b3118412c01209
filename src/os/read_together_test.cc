#include "os/read_together.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

using testing::TempDirectory;

constexpr size_t kPiece = 4096;  // O_DIRECT asks a local disk for that alignment
constexpr size_t kPieces = 100;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};

class ReadTogetherTest : public ::testing::Test {
 protected:
  ReadTogetherTest() : memory_(static_cast<std::byte*>(std::aligned_alloc(kPiece, kPieces * kPiece))) {
    std::string content(kPieces * kPiece, '\0');
    for (size_t i = 0; i < kPieces; i++) std::memset(&content[i * kPiece], static_cast<int>(i + 1), kPiece);
    testing::WriteWholeFile(path_, content);
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  }
  ~ReadTogetherTest() override { ::close(fd_); }

  // Each piece of the file, the last first.
  std::vector<ReadRequest> Requests() {
    std::vector<ReadRequest> requests;
    for (size_t i = 0; i < kPieces; i++) {
      const MutableBytes out(memory_.get() + i * kPiece, kPiece);
      std::memset(out.data(), 0, kPiece);
      requests.push_back({(kPieces - 1 - i) * kPiece, out});
    }
    return requests;
  }

  static bool IsWhole(const ReadRequest& request) {
    const auto expected = std::byte(request.offset / kPiece + 1);
    return request.done == kPiece && request.out.front() == expected && request.out.back() == expected;
  }

  TempDirectory directory_;
  const std::string path_ = directory_.path() + "/file";
  std::unique_ptr<std::byte, Free> memory_;
  int fd_ = -1;
};

TEST_F(ReadTogetherTest, Reads_any_number_of_pieces) {
  std::vector<ReadRequest> requests = Requests();
  ReadTogether(fd_, requests);
  for (const ReadRequest& request : requests) EXPECT_TRUE(IsWhole(request)) << request.offset;
}

TEST_F(ReadTogetherTest, Says_how_much_there_was_before_the_end) {
  ASSERT_EQ(::truncate(path_.c_str(), kPiece + 10), 0);
  std::vector<ReadRequest> requests = Requests();
  ReadTogether(fd_, requests);
  EXPECT_EQ(requests[kPieces - 1].done, kPiece);
  EXPECT_EQ(requests[kPieces - 2].done, 10U);
  EXPECT_EQ(requests[0].done, 0U);
}

TEST_F(ReadTogetherTest, Leaves_to_the_caller_what_cannot_be_read) {
  std::vector<ReadRequest> requests = Requests();
  ReadTogether(-1, requests);
  for (const ReadRequest& request : requests) EXPECT_EQ(request.done, 0U);
}

TEST_F(ReadTogetherTest, Reads_in_a_child_of_fork) {
  std::vector<ReadRequest> requests = Requests();
  ReadTogether(fd_, requests);
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<ReadRequest> again = Requests();
    ReadTogether(fd_, again);
    ::_exit(std::ranges::all_of(again, IsWhole) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace sqlite_efs
