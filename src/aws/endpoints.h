#ifndef SQLITE_EFS_AWS_ENDPOINTS_H_
#define SQLITE_EFS_AWS_ENDPOINTS_H_

#include <string>

namespace sqlite_efs {

// Whether AWS could have a region of this name: it becomes part of a host name.
bool IsRegion(const std::string& region);

struct EndpointKind {
  bool fips = false;
  bool dual_stack = false;  // IPv4 and IPv6
};

// Where AWS has `service` ("dynamodb", "sts") in `region`: "https://dynamodb.eu-west-1.amazonaws.com/".
std::string EndpointUrl(const std::string& service, const std::string& region, EndpointKind kind);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_ENDPOINTS_H_
