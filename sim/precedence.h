#ifndef SQLITE_EFS_SIM_PRECEDENCE_H_
#define SQLITE_EFS_SIM_PRECEDENCE_H_

#include <cstddef>
#include <vector>

namespace sqlite_efs::sim {

// Who must come before whom.
class Precedence {
 public:
  size_t Add();  // one more, numbered from 0
  void Before(size_t first, size_t second);
  // Those for whom no order of all can be found, because they must come before themselves, or after such; ascending.
  std::vector<size_t> WithoutOrder() const;

 private:
  std::vector<std::vector<size_t>> after_;  // by who comes before them
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_PRECEDENCE_H_
