#ifndef SQLITE_EFS_AWS_SIGNATURE_H_
#define SQLITE_EFS_AWS_SIGNATURE_H_

#include <cstdint>
#include <string>

#include "aws/credentials.h"

namespace sqlite_efs {

// What a request is signed with (AWS Signature Version 4). libcurl does the signing itself (CURLOPT_AWS_SIGV4).
struct Signature {
  Credentials credentials;
  std::string region;   // "eu-west-1"
  std::string service;  // "dynamodb"
  int64_t wall_time_ms =
      0;  // the present, by the caller's clock: AWS refuses what is 5 minutes off. Only whole seconds count.
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_SIGNATURE_H_
