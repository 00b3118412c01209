/* Lives of a database: live, detached, attached again; numbers of segments begin at 1 each time. Writers, detachers and mergers of an earlier life
 * may be stopped anywhere and go on in a later one (src/store/{detach,generations,live_database,merge}.cc).
 *
 * A detacher merges all, announces in the log a fresh directory beside it, marks its own empty last segment merging, looks whether that has been
 * sealed, and renames the log to a name in the fresh directory. Whoever seals looks afterwards for the mark; a marked one without successor
 * belongs to a detach, whose rename he first makes fail, by removing the fresh directory: one of the two succeeds, never both, and nothing is
 * left behind that would have to be kept. The rename goes by name, and moves whatever log is there.
 * Inside the log all names are resolved from the directory that was there when the process opened it.
 * A host that is cut off loses its lock on the base to the next one that asks. The server then refuses its writes, but not its renames.
 *
 * Checked: every transaction is built on the newest one that was acknowledged, and the last one is there in the end.
 *
 * TARGETS: the other way, where the rename is blocked by making its target a directory that is not empty.
 *
 * Each switch takes a guard out:
 *   NO_LOOK_AFTER_MARK  the detacher does not look, after its mark, whether the segment has been sealed
 *   NO_LOOK_AFTER_SEAL  the sealer does not look, after its seal, whether the segment is merging
 *   NO_BLOCK            who goes on with the log of a detach that was broken off does not make its rename fail
 *   BY_NAME             segments are linked in whatever log directory has the name now
 *   LEAVE_SEGMENTS      a detach does not rename the segments that it has merged, and a merger of an earlier life finds them
 *   DETACH_UNLOCKED     detach does not lock the base
 *   CHECK_FIRST         whether the log is in its place is looked at before the rename is blocked, not after    (TARGETS)
 *   TIDY                a blocked target is removed one day                                                    (TARGETS) */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef DETACHERS
#define DETACHERS 2
#endif
#ifndef MERGERS
#define MERGERS 1
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef CUT_OFFS
#define CUT_OFFS 1
#endif
#define LOGS 4
#define TORN 99

mtype = { unused, in_place, moved, removed };
typedef Log {
  mtype place = unused;
  byte last;                       /* number of its last segment */
  byte owner; bool sealed, marked; byte end;      /* of the last segment: end is its newest transaction, 0: it is empty */
  byte before; bool unmerged;      /* newest transaction of the segments before, and whether one of these is still there */
  byte announced                   /* a bit for each detacher */
}
Log log[LOGS];
byte logs, current;                /* the one at the name; 0: none, the database is an ordinary one */
byte base, lock_, newest, next = 1;
bool target[DETACHERS];            /* the fresh directory is there (TARGETS: the target is blocked) */
byte moved_into[DETACHERS];              /* the log that was renamed into it */
byte deaths = DEATHS, cut_offs = CUT_OFFS;

#define ALIVE(i) (log[i].place != removed)
#define STATE(i) (log[i].end != 0 -> log[i].end : (log[i].unmerged -> log[i].before : base))

inline acknowledge(view) { assert(view == newest); newest = next; next++ }
inline may_die() { if :: skip :: atomic { deaths > 0 -> deaths--; goto died } fi }
inline lock_base() {
  atomic {
    if
    :: lock_ == 0 -> lock_ = _pid
    :: lock_ != 0 && cut_offs > 0 -> cut_offs--; lock_ = _pid
    :: lock_ != 0 -> goto died       /* busy */
    fi }
}
inline unlock_base() { if :: lock_ == _pid -> lock_ = 0 :: else -> skip fi }

/* Pages that are there already do not change when they are written again. */
inline tear() { if :: base != all -> base = TORN :: else -> skip fi }

inline attach() {                    /* what happens in between is attach's model */
  atomic {
    if
    :: current == 0 && lock_ == 0 && logs < LOGS - 1 -> logs++; current = logs; log[current].place = in_place; log[current].last = 1; i = current
    :: current != 0 -> i = current
    :: else -> goto died
    fi }
}

/* Makes the renames of announced detaches fail. */
inline block() {
  d = 0;
  do
  :: d < DETACHERS && (log[i].announced & (1 << d)) ->
#ifdef TARGETS
     target[d] = true; d++
#else
     atomic { if :: moved_into[d] != 0 -> goto died :: else -> target[d] = false fi; d++ }     /* not empty: it has happened */
#endif
  :: d < DETACHERS && !(log[i].announced & (1 << d)) -> d++
  :: d == DETACHERS -> d = 0; break
  od
}

inline own_segment() {
  atomic { s = log[i].last; if :: ALIVE(i) -> skip :: else -> goto died fi };
#ifdef BY_NAME
#define WHERE current
#else
#define WHERE i
#endif
  atomic { if :: WHERE == 0 || !ALIVE(WHERE) -> goto died :: WHERE != 0 && log[WHERE].last == s -> log[WHERE].sealed = true :: else -> skip fi };
#ifndef NO_LOOK_AFTER_SEAL
  if
  :: log[i].last == s && log[i].marked ->
     lock_base();
#if defined(TARGETS) && defined(CHECK_FIRST)
     if :: current == i :: else -> goto died fi;
#endif
#ifndef NO_BLOCK
     block();
#endif
#if defined(TARGETS) && !defined(CHECK_FIRST)
     if :: current == i :: else -> goto died fi;
#endif
     skip
  :: else -> skip
  fi;
#endif
  may_die();
  atomic {                           /* the link of the successor */
    if
    :: WHERE != 0 && ALIVE(WHERE) && log[WHERE].last == s ->
       if :: log[WHERE].end != 0 && WHERE == i -> log[WHERE].before = log[WHERE].end; log[WHERE].unmerged = true :: else -> skip fi;
       log[WHERE].end = 0; log[WHERE].last++; log[WHERE].owner = _pid; log[WHERE].sealed = false; log[WHERE].marked = false;
       i = WHERE
    :: else -> goto died             /* gone, or another one's */
    fi;
    s = log[i].last; unlock_base() }
}

proctype Writer() {
  byte i, s, d, k, all;
  for (k : 1 .. ROUNDS) {
    attach();
    own_segment();
    atomic {                         /* frames and the look after them */
      if
      :: ALIVE(i) && log[i].last == s && log[i].owner == _pid && !log[i].sealed && !log[i].marked -> all = STATE(i); acknowledge(all); log[i].end = newest; all = 0
      :: else -> skip                /* refused, or decided by the files */
      fi; i = 0; s = 0 }
  }
died:
  atomic { unlock_base(); i = 0; s = 0; d = 0 }
}

proctype Detacher(byte me) {
  byte i, s, d, all;
  if :: atomic { current != 0 -> i = current } :: current == 0 -> goto died fi;
  own_segment();
#ifndef DETACH_UNLOCKED
  lock_base();
#define MAY_WRITE (lock_ == _pid)
#else
#define MAY_WRITE true
#endif
  atomic { if :: log[i].place == in_place && log[i].last == s && log[i].unmerged -> all = log[i].before :: log[i].place == in_place && log[i].last == s && !log[i].unmerged -> all = 0 :: else -> goto died fi };
  if
  :: all != 0 ->
     atomic { if :: MAY_WRITE -> tear() :: else -> goto died fi };
     may_die();
     atomic { if :: MAY_WRITE -> base = all :: else -> goto died fi };
#ifndef LEAVE_SEGMENTS
     atomic { if :: log[i].last == s -> log[i].unmerged = false :: else -> goto died fi }
#endif
  :: else -> skip
  fi;
  may_die();
#ifndef TARGETS
  target[me] = true;
#endif
  log[i].announced = log[i].announced | (1 << me);
  may_die();
  atomic { if :: ALIVE(i) && log[i].last == s -> log[i].marked = true :: else -> skip fi };
#ifndef NO_LOOK_AFTER_MARK
  if :: log[i].last == s && !log[i].sealed :: else -> goto died fi;
#endif
  may_die();
  atomic {                           /* by name */
    if
#ifdef TARGETS
    :: current != 0 && !target[me] ->
#else
    :: current != 0 && target[me] ->
#endif
       moved_into[me] = current; log[current].place = moved; current = 0
    :: else -> goto died
    fi };
  may_die();
  log[i].place = removed;
died:
  atomic { unlock_base(); i = 0; s = 0; d = 0; all = 0 }
}

/* Merges a segment of the log that it has opened, whichever life that is of. */
proctype Merger() {
  byte i, all;
  if :: atomic { current != 0 -> i = current } :: current == 0 -> goto died fi;
  lock_base();
  atomic { if :: ALIVE(i) && log[i].unmerged -> all = log[i].before :: else -> goto died fi };   /* the listing */
  atomic { if :: lock_ == _pid -> tear() :: else -> goto died fi };
  atomic { if :: lock_ == _pid -> base = all :: else -> goto died fi };
  atomic { if :: log[i].before == all -> log[i].unmerged = false :: else -> skip fi };
died:
  atomic { unlock_base(); i = 0; all = 0 }
}

proctype Stock() {                   /* refused while the directory is there, and while the base is locked */
  atomic { if :: current == 0 && lock_ == 0 -> acknowledge(base); base = newest :: else -> skip fi }
}

#ifdef TIDY
active proctype Tidy() { byte d; end: do :: atomic { d < DETACHERS && target[d] -> target[d] = false } :: atomic { d < DETACHERS - 1 -> d++ } :: atomic { d > 0 -> d-- } od }
#endif

init {
  byte k;
  atomic {
    logs = 1; current = 1; log[1].place = in_place; log[1].last = 1;
    do :: k < WRITERS -> run Writer(); k++ :: else -> break od; k = 0;
    do :: k < DETACHERS -> run Detacher(k); k++ :: else -> break od; k = 0;
    do :: k < MERGERS -> run Merger(); k++ :: else -> break od; k = 0;
    run Stock() };
#ifdef TIDY
  _nr_pr == 2;
#else
  _nr_pr == 1;
#endif
  d_step { if :: current != 0 -> assert(STATE(current) == newest) :: else -> assert(base == newest) fi }
}
