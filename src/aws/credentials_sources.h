#ifndef SQLITE_EFS_AWS_CREDENTIALS_SOURCES_H_
#define SQLITE_EFS_AWS_CREDENTIALS_SOURCES_H_

#include <memory>

#include "aws/credentials_source.h"

namespace sqlite_efs {

// The places where credentials may be; docs/aws.md describes each. What is in `world` must outlive them.

// AWS_ACCESS_KEY_ID and so on.
std::unique_ptr<CredentialsSource> NewEnvironmentCredentials(const CredentialsWorld& world);

// AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the same in the profile: a token of somebody whom AWS trusts, such
// as a Kubernetes cluster, is exchanged for credentials, by STS.
std::unique_ptr<CredentialsSource> NewWebIdentityCredentials(const CredentialsWorld& world);

// Keys of the profile in the shared files. Knows which settings are for others to follow (kCantOpen).
std::unique_ptr<CredentialsSource> NewProfileCredentials(const CredentialsWorld& world);

// A role that the profile assumes by credentials of another one: never fetched, only told of (kCantOpen).
std::unique_ptr<CredentialsSource> NewAssumeRoleNotice(const CredentialsWorld& world);

// The endpoint that AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI names (ECS, EKS, Lambda's SnapStart).
std::unique_ptr<CredentialsSource> NewContainerCredentials(const CredentialsWorld& world);

// The role of the EC2 instance, from its metadata service (IMDSv2).
std::unique_ptr<CredentialsSource> NewInstanceCredentials(const CredentialsWorld& world);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_CREDENTIALS_SOURCES_H_
