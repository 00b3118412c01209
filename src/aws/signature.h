#ifndef SQLITE_EFS_AWS_SIGNATURE_H_
#define SQLITE_EFS_AWS_SIGNATURE_H_

#include <string>

#include "aws/credentials.h"

namespace sqlite_efs {

// What a request is signed with: AWS Signature Version 4, at the present of this machine's clock. AWS refuses what is
// more than some minutes off.
struct Signature {
  Credentials credentials;
  std::string region;   // "eu-west-1"
  std::string service;  // "dynamodb"
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_SIGNATURE_H_
