#ifndef SQLITE_EFS_SIM_FIBER_H_
#define SQLITE_EFS_SIM_FIBER_H_

#include <csetjmp>
#include <cstddef>
#include <functional>
#include <memory>

namespace sqlite_efs::sim {

// A thread of control with a stack of its own, run by hand: Resume() runs it until it calls Suspend() or ends. All
// fibers share one thread. A fiber that has ended can be started again.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void Start(std::function<void()> body);
  void Resume();
  void Suspend();  // only from within the fiber
  bool ended() const { return ended_; }

 private:
  static void Enter(unsigned high, unsigned low);

  std::byte* stack_;
  std::function<void()> body_;
  std::jmp_buf inside_;
  std::jmp_buf outside_;
  bool begun_ = false;
  bool ended_ = true;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_FIBER_H_
