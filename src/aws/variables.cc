#include "aws/variables.h"

#include <cstdlib>

namespace sqlite_efs {

Variables ProcessVariables() {
  return [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
}

}  // namespace sqlite_efs
