#ifndef SQLITE_EFS_AWS_SIGNATURE_H_
#define SQLITE_EFS_AWS_SIGNATURE_H_

#include <string>

#include "aws/credentials.h"

namespace sqlite_efs {

// What a request is signed with: AWS Signature Version 4.
struct Signature {
  Credentials credentials;
  std::string region;   // "eu-west-1"
  std::string service;  // "dynamodb"
  int64_t at_s = 0;     // seconds since 1970; AWS refuses what is more than some minutes off
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_SIGNATURE_H_
