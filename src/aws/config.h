#ifndef SQLITE_EFS_AWS_CONFIG_H_
#define SQLITE_EFS_AWS_CONFIG_H_

#include <string>

#include "aws/variables.h"
#include "base/status.h"
#include "os/file_system.h"

namespace sqlite_efs {

// Where and how to reach DynamoDB.
struct AwsConfig {
  std::string region;  // "eu-west-1": allowed in a host name, checked
  std::string
      dynamodb_url;  // "https://dynamodb.eu-west-1.amazonaws.com/", or what was configured instead; ends with "/"
  // As of HttpRequest: the region and where it was set; empty for what was configured instead.
  std::string dynamodb_host_origin;
  std::string sts_host_origin;
  std::string sts_url;    // the same of the service that gives credentials for a web identity
  std::string ca_bundle;  // for NewCurlHttpClient(); empty: the system's
};

// What the program has decided already; empty: nothing.
struct AwsSettings {
  std::string region;
  std::string dynamodb_url;
};

// Reads the environment and the shared config and credentials files, as AWS's SDKs do (docs/aws.md). Sends no request.
// kInvalid: no libcurl, no region, one that is no host label, an endpoint that is no URL of a host alone, a profile
// that is not there, or a file that cannot be understood; the message says where it was set and the remedy.
Result<AwsConfig> LoadAwsConfig(const AwsSettings& settings, const Variables& variables, FileSystem& files);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CONFIG_H_
