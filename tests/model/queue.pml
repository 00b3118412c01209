/* The queue in the item of the DynamoDB lease (src/lease/dynamodb_lease_store.cc, lease_queue.cc): a holder, and waiters that come, wait, give
 * up, are served, and may die after any of their requests. Each request replaces the whole item, if its condition holds of the item as it then
 * is; its sender knows the item as an earlier reply showed it.
 *
 * Time is left out: a grace is over when those ahead are dead, or slow, which SLOWNESS of them may be; a holder's lease is over when it is dead.
 *
 * Checked: nobody takes the lease of one that lives; a ticket that was put in is there until its owner was served, gave up, or was passed twice;
 * what a waiter puts leaves holder and version alone; a ticket costs others their grace once; and nobody who died, or gave up, keeps those that
 * live from being served in the end.
 *
 * Each switch takes a guard out:
 *   TICKET_RENEWS    a ticket is put in with a new version
 *   TICKET_BLIND     a ticket is put into the item as it was seen, whatever it is by then
 *   BEAT_BLIND       a renewal does not expect the queue as known
 *   RELEASE_BLIND    a release does not
 *   TAKE_BLIND       a free lease is taken whatever the queue is by then
 *   RETAKE_BLIND     a dead holder is replaced whoever holds the lease by then
 *   RELEASE_EMPTIES  a release leaves no queue
 *   ONLY_HEAD        only the head of the queue may take a free lease, however long it waits
 *   NO_MARK          who is passed is not marked */
#ifndef WAITERS
#define WAITERS 2            /* at most 3 */
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef SLOWNESS
#define SLOWNESS 1
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 1
#endif
#ifndef BEATS
#define BEATS 1              /* of each holder */
#endif
#ifndef TENURES
#define TENURES 1            /* that each waiter wants */
#endif

#define FREE 0
#define FIRST 4              /* who holds the lease in the beginning; waiters are 1, 2, 3 */

byte lock_ = FIRST, version, past;
short queue;                 /* a digit for each ticket, the head's is the lowest: twice the owner, and 1 if it was passed */

byte signed_by = FIRST, signed_version;   /* as a holder, or who gave it back, has written them */
bool late[5], gone[5], waits[5], done[5];
byte paid[5];                /* graces for a ticket */
byte holders = 1, deaths = DEATHS, slowness = SLOWNESS, give_ups = GIVE_UPS;

#define DIGIT(q, i) (((q) >> (3 * (i))) & 7)
#define OWNER(digit) ((digit) >> 1)
#define MARKED(digit) ((digit) & 1)
#define AT(q, i, w) (OWNER(DIGIT(q, i)) == (w))
#define HAS(q, w) (AT(q, 0, w) || AT(q, 1, w) || AT(q, 2, w))
/* The ticket is before that of w, or w has none; and it counts. */
#define BEFORE_0(q, w) (DIGIT(q, 0) != 0 && !AT(q, 0, w))
#define BEFORE_1(q, w) (BEFORE_0(q, w) && DIGIT(q, 1) != 0 && !AT(q, 1, w))
#define BEFORE_2(q, w) (BEFORE_1(q, w) && DIGIT(q, 2) != 0 && !AT(q, 2, w))
#define COUNTS(q, i) (!MARKED(DIGIT(q, i)))
#define IN_TIME(q, i) (COUNTS(q, i) && !late[OWNER(DIGIT(q, i))])
#define FIRST_OF_ALL(q, w) (!(BEFORE_0(q, w) && COUNTS(q, 0)) && !(BEFORE_1(q, w) && COUNTS(q, 1)) && !(BEFORE_2(q, w) && COUNTS(q, 2)))
#define GRACE_OVER(q, w) (!(BEFORE_0(q, w) && IN_TIME(q, 0)) && !(BEFORE_1(q, w) && IN_TIME(q, 1)) && !(BEFORE_2(q, w) && IN_TIME(q, 2)))

#ifdef ONLY_HEAD
#define MY_TURN(q, w) FIRST_OF_ALL(q, w)
#else
#define MY_TURN(q, w) GRACE_OVER(q, w)
#endif

#define KEPT(w) (!waits[w] || HAS(queue, w))
#define SAME (lock_ == s_lock && version == s_version && past == s_past && queue == s_queue)

inline see() { s_lock = lock_; s_version = version; s_past = past; s_queue = queue }

inline put(l, v, p, q) {
  lock_ = l; version = v; past = p; queue = q; see();
  assert(KEPT(1) && KEPT(2) && KEPT(3))
}

inline sign() { signed_by = lock_; signed_version = version }

/* next: the queue as it was seen, without me; who was before me is passed. */
inline serve(passing) {
  next = 0; kept = 0; i = 0; before = passing;
  do
  :: i == 3 -> break
  :: else ->
    digit = DIGIT(s_queue, i); i++;
    if
    :: digit == 0 -> skip
    :: digit != 0 && OWNER(digit) == me -> before = false
    :: digit != 0 && OWNER(digit) != me ->
      drop = false;
      if
      :: before && MARKED(digit) -> drop = true; waits[OWNER(digit)] = false
      :: before && !MARKED(digit) ->
        paid[OWNER(digit)]++;
#ifndef NO_MARK
        digit = digit | 1
#endif
      :: !before -> skip
      fi;
      if :: drop -> skip :: else -> assert(paid[OWNER(digit)] < 2); next = next | (digit << (3 * kept)); kept++ fi
    fi
  od;
  digit = 0; i = 0; kept = 0; before = false; drop = false
}

inline hold() {
  assert(holders == 0);
  holders = 1; waits[me] = false; put(me, 0, past, next); next = 0; sign()
}

inline die() { deaths--; gone[me] = true; late[me] = true; waits[me] = false }

/* From taking to giving back; goes to `stopped` in death. */
inline tenure() {
  beats = BEATS;
  do
  :: atomic { deaths > 0 -> die(); holders = 0; goto stopped }
  :: atomic { beats > 0 ->
      assert(lock_ == me);
      if
#ifdef BEAT_BLIND
      :: true -> beats--; put(me, version + 1, past, s_queue); sign()
#else
      :: queue == s_queue -> beats--; put(me, version + 1, past, s_queue); sign()
      :: else -> see()
#endif
      fi }
  :: atomic {
      assert(lock_ == me);
      if
#ifdef RELEASE_BLIND
      :: true ->
#else
      :: queue != s_queue -> see()
      :: queue == s_queue ->
#endif
        holders = 0;
#ifdef RELEASE_EMPTIES
        put(FREE, version, past + 1, 0);
#else
        put(FREE, version, past + 1, s_queue);
#endif
        sign(); break
      fi }
  od
}

active proctype First() {
  byte me = FIRST, s_lock = FIRST, s_version, s_past, beats;
  short s_queue;
  tenure();
  done[me] = true;
stopped: skip
}

proctype Waiter(byte me) {
  byte s_lock, s_version, s_past, beats, i, kept, digit, tenures = TENURES;
  short s_queue, next;
  bool before, drop;
again:
  atomic { if :: lock_ == FREE && queue == 0 -> hold(); goto holding :: else -> see() fi }
  do
  :: atomic { deaths > 0 -> die(); goto stopped }
  :: atomic { give_ups > 0 -> give_ups--; goto leaving }
  :: atomic { s_lock == FREE && MY_TURN(s_queue, me) ->
      if
#ifdef TAKE_BLIND
      :: lock_ == FREE -> serve(true); hold(); goto holding
      :: else -> see()
#else
      :: SAME -> serve(true); hold(); goto holding
      :: else -> see()
#endif
      fi }
  :: atomic { s_lock != FREE && gone[s_lock] ->
      if
#ifdef RETAKE_BLIND
      :: true ->
#else
      :: !SAME -> see()
      :: SAME ->
#endif
        serve(false); hold(); goto holding
      fi }
  :: atomic { !HAS(s_queue, me) && !(s_lock == FREE && MY_TURN(s_queue, me)) ->
      if
#ifdef TICKET_BLIND
      :: true ->
#else
      :: !SAME -> see()
      :: SAME ->
#endif
        next = s_queue | ((2 * me) << (s_queue == 0 -> 0 : (DIGIT(s_queue, 1) == 0 -> 3 : 6)));
        waits[me] = true; paid[me] = 0;
#ifdef TICKET_RENEWS
        put(s_lock, s_version + 1, s_past, next);
#else
        put(s_lock, s_version, s_past, next);
#endif
        next = 0;
        assert(lock_ == signed_by && version == signed_version)
      fi }
  :: atomic { !SAME -> see() }
  od;
holding:
  tenure();
  tenures--;
  if :: tenures > 0 -> goto again :: else -> done[me] = true; goto stopped fi;
leaving:
  /* The ticket stays if the item keeps changing. */
  i = 2;
  do
  :: atomic { i > 0 && HAS(s_queue, me) ->
      i--;
      if
      :: SAME -> beats = i; serve(false); waits[me] = false; put(s_lock, s_version, s_past, next); next = 0; i = beats; beats = 0;
        assert(lock_ == signed_by && version == signed_version)
      :: else -> see()
      fi }
  :: atomic { i == 0 || !HAS(s_queue, me) -> late[me] = true; waits[me] = false; done[me] = true; break }
  od;
stopped: skip
}

/* Any of them may be slow, or none. */
active proctype Slowness() {
  do
  :: atomic { slowness > 0 -> slowness--; if :: late[1] = true :: late[2] = true :: late[3] = true fi }
  :: break
  od
}

active proctype Watch() {
  timeout -> assert((done[1] || gone[1]) && (done[2] || gone[2] || WAITERS < 2) && (done[3] || gone[3] || WAITERS < 3))
}

init {
  atomic {
    run Waiter(1);
    if :: WAITERS > 1 -> run Waiter(2) :: else fi;
    if :: WAITERS > 2 -> run Waiter(3) :: else fi
  }
}
