#ifndef SQLITE_EFS_AWS_DEFAULT_CREDENTIALS_H_
#define SQLITE_EFS_AWS_DEFAULT_CREDENTIALS_H_

#include <memory>

#include "aws/credentials.h"
#include "aws/credentials_source.h"

namespace sqlite_efs {

// The places where botocore looks, in its order: environment, web identity, shared credentials and config files,
// container, instance metadata; then `last`, if there is one. The first that has any is kept: no other is asked again.
// Nothing is read or sent before the first Get(). Everything in `world` must outlive it.
std::unique_ptr<CredentialsProvider> NewDefaultCredentials(const CredentialsWorld& world,
                                                           std::unique_ptr<CredentialsSource> last = nullptr);

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_DEFAULT_CREDENTIALS_H_
