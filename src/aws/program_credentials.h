#ifndef SQLITE_EFS_AWS_PROGRAM_CREDENTIALS_H_
#define SQLITE_EFS_AWS_PROGRAM_CREDENTIALS_H_

#include <memory>

#include "aws/credentials_source.h"

namespace sqlite_efs {

// What the program that uses this library supplies itself: see sqlite_efs_set_credentials_source(). Statuses are those
// of CredentialsSource.
using ProgramSource = Result<Credentials> (*)(void* function, void* context, Duration limit);

struct ProgramCredentials {
  ProgramSource fetch = nullptr;  // null: the program supplies none
  void* function = nullptr;       // handed to it, with the context
  void* context = nullptr;
};

// Sets what the program supplies, in this process and its future children. Waits until the former is not at work any
// more, for 5 s at most: whether that was so. Thread-safe, but must not be called by a source.
bool SetProgramCredentials(const ProgramCredentials& credentials);

// Asks the program; kNotFound if it supplies none.
std::unique_ptr<CredentialsSource> NewProgramCredentials();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_AWS_PROGRAM_CREDENTIALS_H_
