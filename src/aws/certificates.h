#ifndef SQLITE_EFS_AWS_CERTIFICATES_H_
#define SQLITE_EFS_AWS_CERTIFICATES_H_

#include <string>

#include "os/file_system.h"

namespace sqlite_efs {

// Where the certificates are that a server's must be signed by: one of the two; both empty: where libcurl looks itself,
// which the wheel's does nowhere.
struct Certificates {
  std::string bundle;  // one file: OpenSSL reads all of it, 20 ms and more, before the first connection
  std::string folder;  // one file each, named by its subject's hash: OpenSSL reads the one or two that it needs
};

// `ca_bundle` (AWS_CA_BUNDLE, SSL_CERT_FILE), a file or a folder; the system's if it is empty: a folder where there is
// one with names by hashes, else a bundle. kInvalid if `ca_bundle` is not there.
Result<Certificates> FindCertificates(const std::string& ca_bundle, FileSystem& files);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CERTIFICATES_H_
