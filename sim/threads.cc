// The thread functions of the C library, for simulated threads: whoever would wait lets the others run. Defined in the
// program, they take the place of the library's for everything that is linked to it, SQLite and libstdc++ included.
#include <pthread.h>

#include <cerrno>
#include <cstdlib>

#include "sim/scheduler.h"

namespace {

using sqlite_efs::sim::kForever;
using sqlite_efs::sim::Scheduler;

uint32_t waiting = 0;  // threads that wait for a mutex or lock

int Self() {
  const auto* const thread = Scheduler::Get().current();
  return thread == nullptr ? -1 : static_cast<int>(thread->id);
}

void WaitFor(const void* key) {
  if (Scheduler::Get().current() == nullptr) std::abort();  // nobody could ever wake it
  waiting++;
  Scheduler::Get().Block(key, kForever);
  waiting--;
}

void Notify(const void* key) {
  if (waiting > 0) Scheduler::Get().Wake(key);
}

bool TryMutex(pthread_mutex_t* mutex) {
  auto& m = mutex->__data;
  const int self = Self();
  if (m.__lock != 0 && (m.__owner != self || (m.__kind & 3) != PTHREAD_MUTEX_RECURSIVE)) return false;
  m.__lock = 1;
  m.__owner = self;
  m.__count++;
  return true;
}

}  // namespace

#define EFS_INSTEAD_OF_LIBC extern "C" __attribute__((visibility("default")))

EFS_INSTEAD_OF_LIBC int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  while (!TryMutex(mutex)) WaitFor(mutex);
  return 0;
}

EFS_INSTEAD_OF_LIBC int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept { return TryMutex(mutex) ? 0 : EBUSY; }

EFS_INSTEAD_OF_LIBC int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  auto& m = mutex->__data;
  if (m.__lock == 0 || m.__owner != Self()) std::abort();
  if (--m.__count != 0) return 0;
  m.__lock = 0;
  m.__owner = 0;
  Notify(mutex);
  return 0;
}

EFS_INSTEAD_OF_LIBC int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  while (lock->__data.__writers != 0) WaitFor(lock);
  lock->__data.__readers++;
  return 0;
}

EFS_INSTEAD_OF_LIBC int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  while (lock->__data.__writers != 0 || lock->__data.__readers != 0) WaitFor(lock);
  lock->__data.__writers = 1;
  return 0;
}

EFS_INSTEAD_OF_LIBC int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
  if (lock->__data.__writers != 0) {
    lock->__data.__writers = 0;
  } else {
    lock->__data.__readers--;
  }
  Notify(lock);
  return 0;
}

// A simulated thread waits for a condition by Clock::Wait().
EFS_INSTEAD_OF_LIBC int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  Scheduler::Get().Wake(condition);
  return 0;
}

EFS_INSTEAD_OF_LIBC int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  Scheduler::Get().Wake(condition);
  return 0;
}
