#ifndef SQLITE_EFS_BASE_UUID_H_
#define SQLITE_EFS_BASE_UUID_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace sqlite_efs {

// A random (version 4) UUID in its usual text form, RFC 9562 section 5.4. Thread-safe.
std::string NewUuid();

// Whether `text` is 36 characters in the form 8-4-4-4-12 of lower-case hexadecimal digits.
bool IsUuid(std::string_view text);

// 32 unpredictable bits. Thread-safe.
uint32_t RandomBits();

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_BASE_UUID_H_
