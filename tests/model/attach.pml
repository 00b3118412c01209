/* How a database becomes live and ordinary again: attach (vfs/ordinary.cc, store/attach.cc), the creation of a new one (store/database.cc)
 * and detach (store/detach.cc), raced by another host's first use and by stock SQLite, with a death or a stop at any step.
 *
 * Beside the base there is one name, `-wal`: nothing, a file (stock SQLite's), or a directory (a log). Stock SQLite is modelled by what it
 * does: under its lock it is refused where `-wal` is a directory, plays back what is left of earlier transactions, writes through a
 * `-wal` file where the header says 2,2, into the base where it says 1,1, and may change the one into the other.
 * A host that is cut off loses its lock on the base to the next one that asks. The server then refuses its writes, but not its renames.
 * Known limit, switch CUT_OFF_WHILE_ATTACHING: a host that is cut off between the check under its lock and the rename, while stock SQLite on
 * another host changes the journal mode and writes. Otherwise neither stock SQLite nor whoever attaches loses the lock.
 *
 * Checked: every transaction is built on the newest one that was acknowledged, whichever program it came from, and the last one is there
 * in the end; stock SQLite never writes to a live base.
 *
 * A detach ends the log, puts the base into rollback mode, empties the directory and removes it, by name, which fails where it is not empty.
 * Whoever finds a log that has ended may finish that under the lock. What late processes do inside the directory is in detach.pml.
 *
 * NEW: the file is empty at first. Each switch takes a guard out:
 *   NO_LOCK_OVER_RENAME  attach does not hold SQLite's lock, and does not check the file under it, while it renames the directory into place
 *   NO_RECOVERY          attach does not let stock SQLite recover the file first
 *   CREATE_UNLOCKED      a new database is created without the lock                                 (NEW)
 *   NO_RECHECK           the creator does not look at the file again once it has the lock           (NEW)
 *   PAGE_AFTER_RENAME    the first page of a new database is written when it is live already        (NEW)
 *   NO_SYNC              detach ends the log before the base is durable
 *   NO_END               detach empties the directory without having ended the log */
#ifndef USERS
#define USERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef STOCK_ROUNDS
#define STOCK_ROUNDS 1
#endif
#ifndef DETACHERS
#define DETACHERS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef CUT_OFFS
#define CUT_OFFS 1
#endif
#define NOTHING 0
#define A_FILE 1
#define A_DIRECTORY 2
#define TORN 99

/* the folder */
mtype = { unused, in_place, removed };
typedef Log {
  mtype place = unused;
  byte end;                      /* its newest transaction; 0: none yet */
  byte owner;                    /* who may write to its last segment */
  bool ended, emptied
}
#define LOGS 5
Log log[LOGS];
byte logs = 1, current;              /* the one at the name `-wal` */
byte wal = NOTHING;
byte base, durable_base;         /* newest transaction in the base, and what is left of it when the server's power fails */
byte stock_wal, journal;         /* in stock SQLite's -wal file; what its rollback journal restores, + 1 */
bool created, header_wal;
byte lock_;                      /* SQLite's locking bytes of the base: who holds them */
byte keeper;                     /* who does not lose them */

byte next = 1, newest;
byte deaths = DEATHS, cut_offs = CUT_OFFS, busy;

inline acknowledge(view) { assert(view == newest); newest = next; next++ }

inline may_die() { if :: skip :: atomic { deaths > 0 -> deaths--; goto died } fi }

inline lock_base(ok) {
  atomic {
    if
    :: lock_ == 0 -> lock_ = _pid; ok = true
    :: lock_ != 0 && lock_ != keeper && cut_offs > 0 -> cut_offs--; lock_ = _pid; ok = true
    :: lock_ != 0 -> ok = false
    fi }
}
inline unlock_base() { if :: lock_ == _pid -> lock_ = 0 :: else -> skip fi; if :: keeper == _pid -> keeper = 0 :: else -> skip fi }

#define MAY_WRITE (lock_ == _pid)

/* With the lock, which may be lost meanwhile. */
inline remove_log() {
  if :: log[i].place == in_place :: else -> goto died fi;                 /* the listing */
  atomic { if :: MAY_WRITE -> header_wal = false :: else -> goto died fi };
  may_die();
  log[i].emptied = true;
  may_die();
  atomic { if :: wal == A_DIRECTORY && log[current].emptied -> wal = NOTHING; log[current].place = removed; current = 0 :: else -> goto died fi };
  skip
}

/* What stock SQLite does when it finds what a dead program left. */
inline recover() {
  if :: journal != 0 -> base = journal - 1; durable_base = base; journal = 0 :: else -> skip fi;
  if :: wal == A_FILE -> if :: stock_wal > base -> base = stock_wal; durable_base = base :: else -> skip fi; wal = NOTHING; stock_wal = 0 :: else -> skip fi
}

inline rename_into_place(i) {
  atomic {
    if
    :: wal == NOTHING -> won = true
    :: else -> won = false
    fi;
    if :: won -> wal = A_DIRECTORY; current = i; log[i].place = in_place :: else -> skip fi }
}

inline prepare(i) { atomic { assert(logs < LOGS); i = logs; logs++ } }

proctype User() {                /* opens the database with vfs=efs and commits, once or more */
  byte k, i; bool ok, won;
  for (k : 1 .. ROUNDS) {
    i = current;
    if
    :: i != 0 && log[i].ended -> lock_base(ok); if :: ok :: else -> goto died fi; remove_log(); atomic { unlock_base(); i = 0 }
    :: else -> skip
    fi;
    if
    :: wal == A_DIRECTORY -> i = current
    :: wal != A_DIRECTORY && !created ->
#ifndef CREATE_UNLOCKED
       lock_base(ok); if :: ok :: else -> goto died fi;
#ifndef CUT_OFF_WHILE_ATTACHING
       atomic { if :: lock_ == _pid -> keeper = _pid :: else -> goto died fi };
#endif
#endif
#ifndef NO_RECHECK
       atomic { if :: created || wal == A_DIRECTORY -> unlock_base(); goto died :: else -> skip fi };
#endif
#ifndef PAGE_AFTER_RENAME
       may_die();
#ifdef CREATE_UNLOCKED
       atomic { base = 0; durable_base = 0; created = true; header_wal = true };
#else
       atomic { if :: lock_ == _pid -> base = 0; durable_base = 0; created = true; header_wal = true :: else -> goto died fi };
#endif
#endif
       prepare(i); log[i].owner = _pid;
       may_die();
       rename_into_place(i);
#ifdef PAGE_AFTER_RENAME
       may_die();
       atomic { base = 0; durable_base = 0; created = true; header_wal = true };
#endif
       atomic { unlock_base(); if :: won -> skip :: else -> goto died fi }
    :: wal != A_DIRECTORY && created ->
#ifndef NO_RECOVERY
       lock_base(ok); if :: ok :: else -> goto died fi;
       atomic {
         if
         :: lock_ == _pid && wal != A_DIRECTORY -> recover()
         :: else -> unlock_base(); goto died
         fi };
       may_die();
       atomic { unlock_base() };          /* stock SQLite's connection is closed */
#endif
#ifndef NO_LOCK_OVER_RENAME
       lock_base(ok); if :: ok :: else -> goto died fi;
#ifndef NO_RECOVERY
#ifndef CUT_OFF_WHILE_ATTACHING
       atomic { if :: lock_ == _pid -> keeper = _pid :: else -> skip fi };
#endif
       atomic { if :: lock_ == _pid && wal == NOTHING && journal == 0 -> skip :: else -> unlock_base(); goto died fi };
#endif
#endif
       prepare(i);
       may_die();
#ifndef NO_LOCK_OVER_RENAME
       atomic { if :: MAY_WRITE -> header_wal = true :: else -> goto died fi };
#else
       atomic { header_wal = true };
#endif
       may_die();
       rename_into_place(i);
       may_die();
       atomic { unlock_base(); if :: won -> skip :: wal == A_DIRECTORY && !won -> i = current :: else -> goto died fi }
    fi;
    /* the right to write: one's own segment */
    if
    :: log[i].owner == _pid -> skip
    :: else ->
       atomic {                           /* the link, in the directory that is there since it was opened */
         if :: log[i].place == in_place && !log[i].ended && !log[i].emptied -> log[i].owner = _pid :: else -> goto died fi }
    fi;
    may_die();
    /* frames and the look after them; what happens in between is the log's model */
    atomic {
      if
      :: log[i].owner == _pid && !log[i].ended && !log[i].emptied ->
         if :: log[i].end != 0 -> acknowledge(log[i].end) :: else -> acknowledge(base) fi;
         log[i].end = newest
      :: else -> busy++
      fi }
  }
died:
  atomic { unlock_base(); i = 0; ok = false; won = false }
}

proctype Stock() {
  byte k; bool ok;
  for (k : 1 .. STOCK_ROUNDS) {
    atomic { lock_base(ok); if :: ok -> keeper = _pid :: else -> skip fi };
    if :: !ok -> skip
       :: else ->
    if
    :: wal == A_DIRECTORY -> skip                              /* unable to open database file */
    :: else ->
       atomic { if :: lock_ == _pid && wal != A_DIRECTORY -> created = true; recover() :: else -> goto died fi };
       if
       :: skip
       :: atomic { lock_ == _pid && header_wal && wal == NOTHING -> header_wal = false }     /* PRAGMA journal_mode=DELETE */
       fi;
       if
       :: header_wal ->
          atomic { if :: wal == NOTHING -> wal = A_FILE; stock_wal = base :: else -> goto died fi };
          atomic { if :: wal == A_FILE -> acknowledge(stock_wal); stock_wal = newest :: else -> goto died fi };
          may_die();
          atomic { if :: lock_ == _pid -> recover() :: else -> goto died fi }                /* the last connection cleans up */
       :: else ->
          if :: lock_ == _pid -> journal = base + 1 :: else -> goto died fi;
          atomic { if :: lock_ == _pid -> assert(wal != A_DIRECTORY); base = TORN; durable_base = TORN :: else -> goto died fi };
          may_die();
          atomic {
            if :: lock_ == _pid -> assert(wal != A_DIRECTORY); acknowledge(journal - 1); base = newest; durable_base = newest; journal = 0
               :: else -> goto died fi }
       fi
    fi;
    atomic { unlock_base() }
    fi
  }
died:
  atomic { unlock_base(); ok = false }
}

proctype Detacher() {
  byte i, merged; bool ok;
  if :: wal == A_DIRECTORY -> i = current :: wal != A_DIRECTORY -> goto died fi;
  atomic {                                 /* takes the lease and seals: the last segment is its own, and empty */
    if :: wal == A_DIRECTORY && current == i && !log[i].ended -> log[i].owner = _pid :: else -> goto died fi };
  lock_base(ok); if :: ok :: else -> goto died fi;
  if :: atomic { log[i].owner == _pid && log[i].place == in_place && !log[i].ended -> merged = log[i].end } :: else -> goto died fi;
  may_die();
  if
  :: merged != 0 ->
     atomic { if :: MAY_WRITE -> if :: base != merged -> base = TORN :: else -> skip fi :: else -> goto died fi };
     may_die();
     atomic { if :: MAY_WRITE -> base = merged :: else -> goto died fi };
#ifndef NO_SYNC
     atomic { if :: MAY_WRITE -> durable_base = base :: else -> goto died fi }
#endif
  :: else -> skip
  fi;
  may_die();
#ifndef NO_END
  atomic { if :: log[i].owner == _pid && !log[i].ended && !log[i].emptied -> log[i].ended = true :: else -> goto died fi };     /* first wins */
#endif
  may_die();
  remove_log();
died:
  atomic { unlock_base(); i = 0; ok = false; merged = 0 }
}

init {
  byte i;
  atomic {
#ifndef NEW
    created = true; header_wal = false;
    if :: skip                             /* an ordinary database, or what a killed program left of one */
       :: header_wal = true; wal = A_FILE; stock_wal = 1; newest = 1; next = 2
       :: journal = 1; base = TORN; durable_base = TORN
    fi;
#endif
    do :: i < USERS -> run User(); i++ :: else -> break od;
    run Stock(); run Detacher();
#if DETACHERS > 1
    run Detacher()
#endif
  };
  atomic { _nr_pr == 1 -> deaths = 0; lock_ = 0 };
  /* what the next one to open it finds, after a power failure */
  d_step {
    assert(wal != A_DIRECTORY || created);         /* the base has at least its first page */
    if :: journal != 0 && wal != A_DIRECTORY -> durable_base = journal - 1 :: else -> skip fi;
    if
    :: wal == A_DIRECTORY && !log[current].ended && log[current].end != 0 -> assert(!log[current].emptied); assert(log[current].end == newest)
    :: wal == A_DIRECTORY && !log[current].ended && log[current].end == 0 -> assert(!log[current].emptied); assert(durable_base == newest)
    :: wal == A_FILE && stock_wal > durable_base -> assert(stock_wal == newest)
    :: else -> assert(durable_base == newest)
    fi }
}
