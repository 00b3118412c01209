#ifndef SQLITE_EFS_TESTING_VARIABLES_H_
#define SQLITE_EFS_TESTING_VARIABLES_H_

#include <map>
#include <string>

#include "aws/variables.h"

namespace sqlite_efs::testing {

// An environment of the test's own. It may be changed as long as it is used.
struct TestVariables {
  std::map<std::string, std::string> values;

  Variables Get() {
    return [this](const char* name) {
      const auto found = values.find(name);
      return found != values.end() ? found->second : "";
    };
  }
};

}  // namespace sqlite_efs::testing

#endif  // SQLITE_EFS_TESTING_VARIABLES_H_
