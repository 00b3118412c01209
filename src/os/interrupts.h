#ifndef SQLITE_EFS_OS_INTERRUPTS_H_
#define SQLITE_EFS_OS_INTERRUPTS_H_

namespace sqlite_efs {

// While an object exists, the first SIGINT, SIGTERM or SIGHUP does not end this process but is noted, so that it can
// clean up; a second one ends it. One object at a time.
class Interrupts {
 public:
  Interrupts();
  // Ends the process by the signal that was noted, if there was one.
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Whether there was one. Thread-safe.
  static bool Noted();
};

}  // namespace sqlite_efs

#endif  // SQLITE_EFS_OS_INTERRUPTS_H_
