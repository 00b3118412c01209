/* Lives of a database: live, detached, attached again; numbers of segments begin at 1 each time. Writers, mergers and detachers of an earlier life
 * may be stopped anywhere and go on in a later one (src/store/{detach,generations,live_database}.cc).
 *
 * A detacher merges all, and ends the log: a marker takes the place of the successor of its own, empty, last segment, as any seal does. Then it
 * marks that segment merging, puts the base into rollback mode, empties the directory, and removes it. Whoever finds the marker, or a base in
 * rollback mode beside what is no log any more, may finish that under the lock on the base.
 * Names in the directory are resolved from the one that was there when a process opened it; only the last step, its removal, goes by name.
 * A host that is cut off loses its lock on the base to the next one that asks. The server then refuses its writes, but no change of names.
 * A commit is a step here, with the look after it (see log.pml); every segment has one at most.
 *
 * Checked: every transaction is built on the newest one that was acknowledged; the last one is there in the end; a base that belongs to a log that
 * has not ended does not say rollback mode; whatever was stopped, the next one that comes can use the database.
 *
 * Each switch takes a guard out:
 *   NO_MARKER          the log is not ended before the directory is emptied
 *   NO_LOOK_AFTER_LINK a sealer does not look, after its link, how far merging has come: the number may have been used before
 *   DETACH_UNLOCKED    detach does not lock the base
 *   CARELESS_SERVER    the server takes a write to the base from one whose lock it gave to another
 *   LIST_BEFORE_LOCK   who finishes a detach does not look, once it has the lock, whether the directory is still there
 *   BY_NAME            names are removed from whatever directory has the name now
 *   ENDED_UNSEEN       nor whether the log has ended meanwhile: while the directory is emptied, a late number may look like its newest one
 *   MARKER_FIRST       the marker is not the last one of the segments to be removed
 *   ONLY_EMPTY         who finds what is no log any more, beside a base in rollback mode, finishes only if the directory is empty */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef DETACHERS
#define DETACHERS 1
#endif
#ifndef MERGERS
#define MERGERS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef CUT_OFFS
#define CUT_OFFS 1
#endif
#define DIRS 3
#define NUMBERS 6
#define FILES 10
#define TORN 99

typedef File { byte links; bool merging; bool marker; byte end }     /* end: its transaction, 0: it is empty */
File file[FILES];
typedef Dir {
  bool there;
  byte at[NUMBERS + 2];              /* the file that a number names */
  byte sealed;                       /* a bit for each number that has a second name */
  byte merged;                       /* the highest N.merged */
  int temporary                      /* a bit for each process that has such a name */
}
Dir dir[DIRS + 1];
byte files, dirs, current;           /* the directory at the name; 0: none, the database is an ordinary one */
byte base, lock_, newest, next = 1;
bool rollback;                       /* what the base's header says */
byte deaths = DEATHS, cut_offs = CUT_OFFS;

#define BIT(x) (1 << (x))
#define EMPTY(i) (dir[i].at[1] == 0 && dir[i].at[2] == 0 && dir[i].at[3] == 0 && dir[i].at[4] == 0 && dir[i].at[5] == 0 && dir[i].at[6] == 0 \
                  && dir[i].sealed == 0 && dir[i].merged == 0 && dir[i].temporary == 0)
#ifdef DETACH_UNLOCKED
#define HOLDS (true)
#else
#define HOLDS (lock_ == _pid)
#endif
#ifdef CARELESS_SERVER
#define MAY_WRITE (true)
#else
#define MAY_WRITE HOLDS
#endif

inline may_die() { if :: skip :: atomic { deaths > 0 -> deaths--; goto died } fi }
inline lock_base() {
#ifndef DETACH_UNLOCKED
  atomic {
    if
    :: lock_ == 0 || lock_ == _pid -> lock_ = _pid
    :: lock_ != 0 && lock_ != _pid && cut_offs > 0 -> cut_offs--; lock_ = _pid
    :: lock_ != 0 && lock_ != _pid -> goto died       /* busy */
    fi }
#else
  skip
#endif
}
inline unlock_base() { if :: lock_ == _pid -> lock_ = 0 :: else -> skip fi }

/* last: the newest number; whole: it is a log; ended: its end is marked; view: its newest transaction. */
inline list(i) {
  d_step {
    last = NUMBERS; do :: last > 0 && dir[i].at[last] == 0 -> last-- :: else -> break od;
    whole = (last > dir[i].merged); ended = (last > 0 && file[dir[i].at[last]].marker);
    view = base;
    k = dir[i].merged + 1;
    do
    :: k <= last -> if :: dir[i].at[k] == 0 -> whole = false :: else -> if :: file[dir[i].at[k]].end != 0 -> view = file[dir[i].at[k]].end :: else -> skip fi fi; k++
    :: else -> break
    od; k = 0 }
}

inline new_file(f) { files++; f = files; assert(files < FILES) }

inline attach(i) {                   /* what happens in between is attach's model */
  atomic {
    if
    :: current == 0 && lock_ == 0 && dirs < DIRS ->
       dirs++; i = dirs; current = i; rollback = false; dir[i].there = true; new_file(c); file[c].links = 1; dir[i].at[1] = c; c = 0
    :: current != 0 -> i = current
    :: else -> goto died
    fi }
}

inline unlink(i, number) { file[dir[i].at[number]].links--; dir[i].at[number] = 0 }
inline unseal(i, number) { if :: dir[i].sealed & BIT(number) -> dir[i].sealed = dir[i].sealed & ~BIT(number); if :: dir[i].at[number] != 0 -> file[dir[i].at[number]].links-- :: else -> skip fi :: else -> skip fi }

/* With the lock. What is listed and is not there any more: somebody else is at it. */
inline remove_log(i) {
#ifdef LIST_BEFORE_LOCK
#define LISTED (true)
#else
#define LISTED (dir[i].there)
#endif
  atomic { if :: LISTED -> list(i); names = dir[i].temporary :: else -> goto died fi;
    number = last;
#ifdef NO_MARKER
    number = 0;
#endif
    last = 0; whole = false; ended = false; view = 0 };
  atomic { k = 1; do :: k <= NUMBERS && dir[i].at[k] != 0 && k != number -> file[dir[i].at[k]].merging = true; k++ :: k <= NUMBERS && (dir[i].at[k] == 0 || k == number) -> k++ :: else -> break od; k = 0 };
  atomic { if :: MAY_WRITE -> rollback = true :: else -> goto died fi };
  may_die();
#ifdef BY_NAME
  where = current;
#else
  where = i;
#endif
  if :: dir[where].merged = 0 :: skip fi;
  may_die();
  atomic {                           /* segments, but the last one */
    k = 1;
    do
    :: k < number -> if :: dir[where].at[k] != 0 -> unlink(where, k) :: else -> skip fi; k++
    :: else -> break
    od; k = 0 };
  may_die();
#ifdef MARKER_FIRST
  atomic { if :: number != 0 && dir[where].at[number] != 0 -> unlink(where, number) :: else -> skip fi };
  may_die();
#endif
  dir[where].sealed = 0;
  dir[where].temporary = dir[where].temporary & ~names;
  dir[where].merged = 0;
  may_die();
#ifndef MARKER_FIRST
  atomic { if :: number != 0 && dir[where].at[number] != 0 -> unlink(where, number) :: else -> skip fi };
  may_die();
#endif
  atomic {                           /* by name */
    where = 0;
    if :: current != 0 && EMPTY(current) -> dir[current].there = false; current = 0 :: else -> goto died fi }
}

/* What every opener does first. */
inline finish_detach(i) {
  if
  :: i != 0 && dir[i].there ->
     list(i);
#ifdef ONLY_EMPTY
     if :: ended || (EMPTY(i) && rollback) ->
#else
     if :: ended || (!whole && rollback) ->
#endif
        lock_base();
#ifndef LIST_BEFORE_LOCK
        atomic { if :: dir[i].there && (ended || rollback) -> skip :: else -> goto died fi };
#endif
        remove_log(i);
        atomic { unlock_base(); i = 0 }
     :: else -> skip
     fi
  :: else -> skip
  fi;
  atomic { ended = false; whole = false; last = 0; view = 0 }
}

/* Makes the successor of the last segment: s and c are its number and file then. */
inline seal(i, as_marker) {
  atomic { if :: dir[i].there -> list(i) :: else -> goto died fi;
    if :: whole && !ended && last < NUMBERS -> s = last; c = dir[i].at[s] :: else -> goto died fi; last = 0; view = 0; whole = false };
  link(i, as_marker)
}
inline link(i, as_marker) {
  atomic { if :: dir[i].there && file[c].links > 0 -> dir[i].temporary = dir[i].temporary | BIT(_pid) :: else -> goto died fi };
  atomic {                           /* the mark */
    if
    :: dir[i].sealed & BIT(s) -> skip
    :: !(dir[i].sealed & BIT(s)) && dir[i].at[s] != 0 -> dir[i].sealed = dir[i].sealed | BIT(s); file[dir[i].at[s]].links++
    :: else -> goto died
    fi };
  atomic { if :: file[c].links == 0 -> goto died :: else -> skip fi;                          /* the scan */
    if :: as_marker && file[c].end != 0 -> goto died :: else -> skip fi
  };
  atomic {
    if
    :: (dir[i].temporary & BIT(_pid)) && dir[i].at[s + 1] == 0 -> s++; new_file(c); file[c].links = 1; file[c].marker = as_marker; dir[i].at[s] = c
    :: else -> goto died
    fi };
#ifndef NO_LOOK_AFTER_LINK
  atomic {
    list(i);
    if
#ifdef ENDED_UNSEEN
    :: whole && dir[i].merged < s -> skip
#else
    :: whole && dir[i].merged < s && (as_marker || !ended) -> skip
#endif
    :: dir[i].merged >= s -> if :: dir[i].at[s] == c -> unlink(i, s) :: else -> skip fi; goto died
    :: else -> goto died
    fi };
#endif
  atomic { last = 0; view = 0; whole = false; ended = false; dir[i].temporary = dir[i].temporary & ~BIT(_pid) }
}

proctype Writer() {
  byte i, s, c, k, last, view, number, where; int names; bool whole, ended;
  i = current;
  finish_detach(i);
  attach(i);
  seal(i, false);
  may_die();
  atomic {
    if
    :: file[c].links == 1 && !file[c].merging -> list(i); assert(view == newest); newest = next; next++; file[c].end = newest
    :: else -> skip                    /* the files decide: refused */
    fi }
died:
  atomic { unlock_base(); if :: i != 0 -> dir[i].temporary = dir[i].temporary & ~BIT(_pid) :: else -> skip fi;
    i = 0; s = 0; c = 0; k = 0; last = 0; view = 0; names = 0; number = 0; where = 0; whole = false; ended = false }
}

inline merge(i, through) {           /* with the lock; all segments up to it */
  atomic {
    list(i); view = 0; k = dir[i].merged + 1;
    do :: k <= through -> if :: file[dir[i].at[k]].end != 0 -> view = file[dir[i].at[k]].end :: else -> skip fi; k++ :: else -> break od; k = 0 };
  atomic { k = dir[i].merged + 1; do :: k <= through -> file[dir[i].at[k]].merging = true; k++ :: else -> break od; k = 0 };
  if
  :: view != 0 ->
     atomic { if :: MAY_WRITE -> if :: base != view -> base = TORN :: else -> skip fi :: else -> goto died fi };
     may_die();
     atomic { if :: MAY_WRITE -> base = view :: else -> goto died fi }
  :: else -> skip
  fi;
  /* which copies are believed is in copies.pml: a late one is not */
  atomic { if :: HOLDS && dir[i].there && dir[i].merged < through -> dir[i].merged = through :: else -> goto died fi };
  atomic { k = 1; do :: k <= through -> unseal(i, k); if :: dir[i].at[k] != 0 -> unlink(i, k) :: else -> skip fi; k++ :: else -> break od; k = 0; last = 0; view = 0; whole = false; ended = false }
}

proctype Detacher() {
  byte i, s, c, k, last, view, number, where; int names; bool whole, ended;
  i = current;
  finish_detach(i);
  atomic { if :: i == 0 || !dir[i].there -> goto died :: else -> skip fi };
  seal(i, false);                      /* a segment of its own */
  lock_base();
  atomic { list(i); if :: dir[i].there && whole && last == s && file[c].end == 0 -> skip :: else -> goto died fi; last = 0; view = 0; whole = false };
  if :: dir[i].merged < s - 1 -> merge(i, s - 1) :: else -> skip fi;
  may_die();
#ifndef NO_MARKER
  link(i, true);                       /* the end of the log */
#endif
  may_die();
  remove_log(i);
died:
  atomic { unlock_base(); if :: i != 0 -> dir[i].temporary = dir[i].temporary & ~BIT(_pid) :: else -> skip fi;
    i = 0; s = 0; c = 0; k = 0; last = 0; view = 0; names = 0; number = 0; where = 0; whole = false; ended = false }
}

/* Merges a segment of the log that it has opened, whichever life that is of. */
proctype Merger() {
  byte i, k, last, view, s; bool whole, ended;
  i = current;
  atomic { if :: i == 0 -> goto died :: else -> skip fi };
  lock_base();
  atomic { if :: dir[i].there -> list(i) :: else -> goto died fi;
    if :: whole && !ended && last > dir[i].merged + 1 -> s = last - 1; last = 0; view = 0; whole = false :: else -> goto died fi };
  merge(i, s);
died:
  atomic { unlock_base(); i = 0; k = 0; s = 0; last = 0; view = 0; whole = false; ended = false }
}

/* A sealer that has looked at the first segment when it was the last one, and makes its successor late. */
proctype Sealer() {
  byte i = 1, s = 1, c = 1, k, last, view; bool whole, ended;
  link(i, false);
  atomic {                             /* it writes, too */
    if
    :: file[c].links == 1 && !file[c].merging -> list(i); assert(view == newest); newest = next; next++; file[c].end = newest
    :: else -> skip
    fi };
died:
  atomic { dir[i].temporary = dir[i].temporary & ~BIT(_pid); i = 0; s = 0; c = 0; k = 0; last = 0; view = 0; whole = false; ended = false }
}

proctype Stock() {                     /* refused while the directory is there, and while the base is locked */
  atomic { if :: current == 0 && lock_ == 0 -> assert(base == newest); newest = next; next++; base = newest :: else -> skip fi }
}

proctype Next() {
  byte i, k, last, view, number, where; int names; bool whole, ended;
  i = current;
  finish_detach(i);
  atomic {
    if
    :: current != 0 -> list(current); assert(whole && !ended); assert(!rollback); assert(view == newest)
    :: else -> assert(base == newest)
    fi };
  goto done;
died:
  assert(false);                       /* nobody is there, and it cannot use the database */
done:
  skip
}

/* In a life that goes on the header does not say rollback mode. */
active proctype Header() { end: do :: atomic { current != 0 && rollback && file[dir[current].at[1]].links == 1 && dir[current].at[2] == 0 && dir[current].merged == 0 && !file[dir[current].at[1]].merging -> assert(false) } od }

init {
  byte k;
  atomic {
    dirs = 1; current = 1; dir[1].there = true; files = 1; file[1].links = 1; dir[1].at[1] = 1;
    do :: k < WRITERS -> run Writer(); k++ :: else -> break od; k = 0;
    do :: k < DETACHERS -> run Detacher(); k++ :: else -> break od; k = 0;
    do :: k < MERGERS -> run Merger(); k++ :: else -> break od; k = 0;
#ifdef SEALER
    run Sealer();
#endif
    run Stock() };
  atomic { _nr_pr == 2 -> deaths = 0; lock_ = 0; run Next() }
}
