#include "aws/certificates.h"

#include <array>

namespace sqlite_efs {
namespace {

// The folders that distributions fill, with a link for each certificate. Amazon Root CA 1, by OpenSSL's hash of its
// subject, tells such a folder from one that holds bundles only.
constexpr std::array kFolders = {"/etc/ssl/certs", "/etc/pki/tls/certs",
                                 "/etc/pki/ca-trust/extracted/pem/directory-hash"};
constexpr const char* kWellKnown = "/ce5e74ef.0";
constexpr std::array kBundles = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                 "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

}  // namespace

Result<Certificates> FindCertificates(const std::string& ca_bundle, FileSystem& files) {
  if (!ca_bundle.empty()) {
    const Result<FileAttributes> found = files.Stat(ca_bundle);
    if (!found.ok()) {
      return Status::Invalid("the certificates that AWS_CA_BUNDLE, ca_bundle or SSL_CERT_FILE names cannot be used: " +
                             found.status().message());
    }
    return found->is_directory ? Certificates{.bundle = "", .folder = ca_bundle}
                               : Certificates{.bundle = ca_bundle, .folder = ""};
  }
  for (const char* folder : kFolders) {
    if (files.Stat(std::string(folder) + kWellKnown).ok()) return Certificates{.bundle = "", .folder = folder};
  }
  for (const char* bundle : kBundles) {
    if (files.Stat(bundle).ok()) return Certificates{.bundle = bundle, .folder = ""};
  }
  return Certificates{};
}

}  // namespace sqlite_efs
