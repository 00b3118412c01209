#include "aws/certificates.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "testing/scripted_file_system.h"
#include "testing/temp_directory.h"

namespace sqlite_efs {
namespace {

using testing::Call;
using testing::Op;
using testing::ScriptedFileSystem;
using testing::TempDirectory;
using testing::WriteWholeFile;

TEST(CertificatesTest, A_file_or_a_folder_may_be_named) {
  const TempDirectory directory;
  WriteWholeFile(directory / "bundle.pem", "");
  const Result<Certificates> file = FindCertificates(directory / "bundle.pem", PosixFileSystem());
  EXPECT_EQ(file->bundle, directory / "bundle.pem");
  EXPECT_EQ(file->folder, "");
  const Result<Certificates> folder = FindCertificates(directory.path(), PosixFileSystem());
  EXPECT_EQ(folder->bundle, "");
  EXPECT_EQ(folder->folder, directory.path());
}

TEST(CertificatesTest, One_that_is_not_there_is_an_error) {
  const TempDirectory directory;
  const Status status = FindCertificates(directory / "none", PosixFileSystem()).status();
  EXPECT_TRUE(status.Is(StatusCode::kInvalid));
  EXPECT_NE(status.message().find(directory / "none"), std::string::npos) << status.message();
}

TEST(CertificatesTest, The_systems_folder_goes_before_its_bundle) {
  if (!std::filesystem::exists("/etc/ssl/certs/ce5e74ef.0")) GTEST_SKIP() << "no ca-certificates of Debian's here";
  EXPECT_EQ(FindCertificates("", PosixFileSystem())->folder, "/etc/ssl/certs");
  ScriptedFileSystem without_hashes(PosixFileSystem());
  without_hashes.Before([](const Call& call) {
    return call.op == Op::kStat && call.path.ends_with(".0") ? Status(StatusCode::kNotFound, "no") : Status::Ok();
  });
  EXPECT_EQ(FindCertificates("", without_hashes)->folder, "");
  EXPECT_EQ(FindCertificates("", without_hashes)->bundle, "/etc/ssl/certs/ca-certificates.crt");
  ScriptedFileSystem without_any(PosixFileSystem());
  without_any.Before(
      [](const Call& call) { return call.op == Op::kStat ? Status(StatusCode::kNotFound, "no") : Status::Ok(); });
  EXPECT_EQ(FindCertificates("", without_any)->bundle + FindCertificates("", without_any)->folder, "");
}

}  // namespace
}  // namespace sqlite_efs
