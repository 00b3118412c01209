/* The log: writers that may stop anywhere, leases that exclude nobody, readers without locks (src/store/{log,generations,write_transaction}.cc).
 *
 * Checked: durable (what was acknowledged is in the history that the files tell in the end), truthful (what was refused is not),
 * atomic (no spilled frame counts without its commit), serial (each commit follows the state that its transaction read), fresh (a read
 * sees all that was acknowledged before it began), no phantom (what a read saw stays), no false alarm (a joiner finds what the record
 * of the clean release states).
 *
 * The lease is the weakest one thinkable: anybody may take it at any time. An embedded lease (whose lock nobody can steal) can do only
 * less than that. (Where its lock can be lost, to a host that was cut off, it is JOIN_PEEKED: it reads and replaces the record in two steps.)
 * STORES=2 gives writers two stores that know nothing of each other, the second one with a copy of the first one's record.
 *
 * SPILLS: transactions of more frames than one, in either order of arrival, and rolled back ones. REWRITES: spilled frames are rewritten in
 * place. READ_ONLY: the reader may not finish a seal.
 *
 * Each switch takes a guard out:
 *   NO_LOOK_AFTER_APPEND  a commit is acknowledged without the look
 *   NO_SECOND_LOOK        a reader believes new frames without looking again
 *   SCAN_BEFORE_MARK      M is read before the segment is marked
 *   LAST_LINK_WINS        the successor is replaced by a later one (rename instead of link)
 *   NO_CLAIM              a helper's segment is used without claiming it
 *   JOIN_ANY              the live segment is joined after any acquisition
 *   JOIN_PEEKED           the record is read before it is replaced, not by replacing it
 *   JOIN_ANY_STORE        the store's name in the record is not compared                                (STORES=2)
 *   REUSE_AFTER_FAILURE   a failed write does not end the tenure
 *   RELEASE_THEN_WRITE    a release whose reply is lost does not end the tenure
 *   FAILED_IS_REFUSED     a commit whose write failed is refused without asking the files
 *   NO_CHAIN              frames count without a chain of checksums */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef COMMITS
#define COMMITS 2        /* transactions of each writer */
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef STORES
#define STORES 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef LATE
#define LATE 1           /* writes and messages that arrive after their sender gave up */
#endif
#define SEGMENTS 7
#define FRAMES 4
#define NOBODY 255

/* A frame: 4 * transaction + kind, and the frame that it is chained to. */
#define SPILLED(t) (4 * (t))
#define COMMIT(t) (4 * (t) + 1)
#define REWRITTEN(t) (4 * (t) + 2)
#define IS_COMMIT(f) ((f) & 1)
#define TRANSACTION(f) ((f) / 4)
#define UNCHAINED 255
#define BIT(t) (1 << ((t) - 1))

typedef Segment {
  bool exists; bool live; bool owned;
  byte counted;                             /* how many frames of the previous segment count */
  byte frame[FRAMES]; byte chain[FRAMES]
}
Segment seg[SEGMENTS];

typedef Record { byte state; byte segment; byte frames; byte holder; bool own_name }
#define ABSENT 0
#define RELEASED 1
#define HELD 2
Record rec[STORES];

byte late_frame, late_segment, late_at, late_chain;   /* a write under way that its writer gave up */
byte late_release, late_release_of, late_release_frames, late_release_store;
byte crashes = CRASHES, late = LATE;
byte state_before[WRITERS * COMMITS + 1];             /* the newest transaction that each one read */
byte acknowledged, refused, seen;
byte writers_left = WRITERS, readers_left = READERS;

#ifdef NO_CHAIN
#define FITS(s, i, previous) (seg[s].frame[i] != 0)
#else
#define FITS(s, i, previous) (seg[s].frame[i] != 0 && seg[s].chain[i] == previous)
#endif

/* Reads frame by frame; `count`: up to the last commit. */
inline scan(s, count, at, previous) {
  count = 0; at = 0; previous = 0;
  do
  :: atomic { at < FRAMES && FITS(s, at, previous) ->
       previous = seg[s].frame[at]; at++; if :: IS_COMMIT(previous) -> count = at :: else -> skip fi }
  :: atomic { !(at < FRAMES && FITS(s, at, previous)) -> at = 0; previous = 0 }; break
  od }

inline link_successor(s, m, own, won) {
  atomic {
    assert(s + 1 < SEGMENTS);
    if
    :: !seg[s + 1].exists ->
       seg[s + 1].exists = true; seg[s + 1].live = true; seg[s + 1].counted = m; seg[s + 1].owned = own; won = own
    :: else ->
#ifdef LAST_LINK_WINS
       seg[s + 1].counted = m;
#endif
       won = false
    fi }
}

inline mark_and_scan(s) {
#ifdef SCAN_BEFORE_MARK
  scan(s, m, at, previous); seg[s].live = false;
#else
  seg[s].live = false;
  atomic { if :: skip :: crashes > 0 -> crashes--; goto died fi };
  scan(s, m, at, previous);
#endif
}

inline finish_seal(s) {   /* on nobody's behalf, by anybody */
  if
  :: seg[s + 1].exists
  :: else -> mark_and_scan(s); link_successor(s, m, false, won); m = 0
  fi
}

inline own_new_segment(s) {
  do
  :: seg[s + 1].exists -> s++
  :: else ->
     mark_and_scan(s); link_successor(s, m, true, won); s++; m = 0;
     if
     :: won -> break
#ifdef NO_CLAIM
     :: !won && !seg[s].owned -> break
#else
     :: atomic { !won && !seg[s].owned -> seg[s].owned = true; won = true }; break
#endif
     :: !won && seg[s].owned -> skip       /* another writer's: sealed too */
     fi
  od; won = false; n = 0
}

inline newest_before(s, n, result) {       /* the newest transaction in the state (s, n) */
  skip;
  d_step { byte where = s; byte count = n;
    do :: count == 0 && where > 0 -> count = seg[where].counted; where-- :: else -> break od;
    if :: count == 0 -> result = 0 :: else -> result = TRANSACTION(seg[where].frame[count - 1]) fi; where = 0; count = 0 } }

/* One frame of a write. It lands, or its writer gives up (and it may land later), or its writer dies before it. */
inline put(index, what, chained) {
  if
  :: failed -> skip
  :: else ->
     if
     :: atomic { seg[s].frame[index] = what; seg[s].chain[index] = chained }
     :: atomic { late > 0 && late_frame == 0 -> late--; failed = true;
          late_segment = s; late_at = index; late_frame = what; late_chain = chained }
     :: atomic { crashes > 0 -> crashes--; goto died }
     fi
  fi }

active proctype Network() {
end: do
  :: atomic { late_frame != 0 -> seg[late_segment].frame[late_at] = late_frame; seg[late_segment].chain[late_at] = late_chain;
       late_frame = 0; late_segment = 0; late_at = 0; late_chain = 0 }
  :: atomic { late_release != 0 ->
       if
       :: rec[late_release_store].state == HELD && rec[late_release_store].holder == late_release ->
          rec[late_release_store].state = RELEASED; rec[late_release_store].segment = late_release_of; rec[late_release_store].own_name = true;
          rec[late_release_store].frames = late_release_frames; rec[late_release_store].holder = NOBODY
       :: else -> skip
       fi; late_release = 0; late_release_of = 0; late_release_frames = 0; late_release_store = 0 }
  od }

proctype Writer(byte me) {
  byte s, n, m, at, previous, t, k, end, lock_id;
  byte was, was_segment, was_frames; bool was_own;
  bool won, have, failed, committed;
#define STORE (me % STORES)
  for (k : 1 .. COMMITS) {
    t = me * COMMITS + k;
    if
    :: have && seg[s].live -> skip                                   /* kept from the last commit */
    :: else ->
       /* acquire: the record, as it is replaced by one's own */
#ifdef JOIN_PEEKED
       atomic { was = rec[STORE].state; was_segment = rec[STORE].segment; was_frames = rec[STORE].frames; was_own = rec[STORE].own_name };
#endif
       atomic {
#ifndef JOIN_PEEKED
         was = rec[STORE].state; was_segment = rec[STORE].segment; was_frames = rec[STORE].frames; was_own = rec[STORE].own_name;
#endif
         rec[STORE].state = HELD; rec[STORE].holder = t; lock_id = t; rec[STORE].segment = 0; rec[STORE].frames = 0; rec[STORE].own_name = false;
         if :: skip                                                  /* the reply is lost: own attempt recognised, how it was is not known */
            :: late > 0 && was == RELEASED -> late--; was = ABSENT fi };
#ifdef JOIN_ANY
       do :: seg[s + 1].exists -> s++ :: else -> break od;
       if :: seg[s].live -> scan(s, n, at, previous) :: else -> own_new_segment(s) fi;
#else
       if
#ifdef JOIN_ANY_STORE
       :: was == RELEASED ->
#else
       :: was == RELEASED && was_own ->
#endif
          s = was_segment;
          scan(s, n, at, previous);                                  /* Refresh(): with its second look */
          if
          :: seg[s].live ->
             assert(n >= was_frames);                                /* less would be reported as damage */
             if :: n == was_frames :: else -> own_new_segment(s) fi
          :: else -> own_new_segment(s)
          fi
       :: else -> own_new_segment(s)
       fi;
#endif
       have = true; d_step { was = 0; was_segment = 0; was_frames = 0; was_own = false }
    fi;
    if :: n > FRAMES - 2 -> own_new_segment(s) :: else -> skip fi;   /* the segment is full */
    atomic { newest_before(s, n, state_before[t]);
      if :: n == 0 -> previous = 0 :: else -> previous = seg[s].frame[n - 1] fi; end = n };
    /* the transaction: one frame; two of one write, in either order; spilled and rewritten in place; given up */
    if
    :: skip; put(n, COMMIT(t), previous); end = n + 1; committed = true
#ifdef SPILLS
    :: skip; put(n, SPILLED(t), previous); put(n + 1, COMMIT(t), SPILLED(t)); end = n + 2; committed = true
    :: skip; put(n + 1, COMMIT(t), SPILLED(t)); put(n, SPILLED(t), previous); end = n + 2; committed = true
    :: skip; put(n, SPILLED(t), previous);
       if
       :: skip                                                       /* rolled back: what was spilled stays */
#ifdef REWRITES
       :: skip; put(n, REWRITTEN(t), UNCHAINED); put(n, REWRITTEN(t), previous); put(n + 1, COMMIT(t), REWRITTEN(t));
          end = n + 2; committed = true
#endif
       fi
#endif
    fi;
    previous = 0;
    if
    :: !committed -> refused = refused | BIT(t)
#ifdef FAILED_IS_REFUSED
    :: committed && failed -> refused = refused | BIT(t)
#endif
#ifdef NO_LOOK_AFTER_APPEND
    :: committed && !failed -> atomic { acknowledged = acknowledged | BIT(t); n = end }
#else
    :: atomic { committed && !failed && seg[s].live -> acknowledged = acknowledged | BIT(t); n = end }
#endif
    :: else ->
       finish_seal(s); skip;                                         /* Decide(): the successor says, exactly */
       d_step {
         if :: seg[s + 1].counted >= end && seg[s].frame[end - 1] == COMMIT(t) -> acknowledged = acknowledged | BIT(t)
            :: else -> refused = refused | BIT(t) fi };
#ifndef REUSE_AFTER_FAILURE
       failed = true
#endif
    fi;
    atomic { end = 0; committed = false; if :: skip :: crashes > 0 -> crashes--; goto died fi };
    if
#ifdef REUSE_AFTER_FAILURE
    :: failed -> failed = false
#else
    :: failed -> failed = false; have = false                        /* given back without a promise */
#endif
    :: else ->
       if
       :: skip                                                       /* kept */
       :: atomic {
            if
            :: rec[STORE].state == HELD && rec[STORE].holder == lock_id ->
               rec[STORE].state = RELEASED; rec[STORE].segment = s; rec[STORE].frames = n; rec[STORE].own_name = true; rec[STORE].holder = NOBODY
            :: else -> skip
            fi; have = false }
       :: atomic { late > 0 && late_release == 0 -> late--; late_release = lock_id; late_release_of = s; late_release_frames = n;
            late_release_store = STORE;
#ifndef RELEASE_THEN_WRITE
            have = false
#endif
          }
       fi
    fi
  }
died:
  writers_left--
}

proctype Reader() {
  byte s, n, m, at, previous, must, count, i; bool won;
  must = acknowledged;
  do
  :: !seg[s].live ->
#ifdef READ_ONLY
     if :: seg[s + 1].exists :: goto died fi;     /* may not write: waits for somebody else, not for ever */
#else
     finish_seal(s);
#endif
     s++
  :: else ->
     scan(s, n, at, previous); skip;
     d_step { m = 0; i = 0;
       do :: i < n -> if :: IS_COMMIT(seg[s].frame[i]) -> m = m | BIT(TRANSACTION(seg[s].frame[i])) :: else -> skip fi; i++ :: else -> break od; i = 0 };
#ifdef NO_SECOND_LOOK
     seen = seen | m; break
#else
     if :: atomic { seg[s].live -> seen = seen | m }; break :: else -> m = 0 fi
#endif
  od;
  skip;
  d_step {                                  /* with all that counts of the segments before */
    count = m;
    do
    :: s > 0 -> i = 0;
       do :: i < seg[s].counted -> if :: IS_COMMIT(seg[s - 1].frame[i]) -> count = count | BIT(TRANSACTION(seg[s - 1].frame[i])) :: else -> skip fi; i++
          :: else -> break od; s--
    :: else -> break
    od;
    assert((must & count) == must);         /* fresh */
    seen = seen | count };
died:
  readers_left--
}

init {
  byte i, j, end, newest, history, previous;
  atomic {
    seg[0].exists = true; seg[0].live = true; seg[0].owned = true;
    rec[0].state = RELEASED; rec[0].own_name = true; rec[0].holder = NOBODY;
#if STORES > 1
    rec[1].state = RELEASED; rec[1].holder = NOBODY;     /* a copy: its name is the first store's */
#endif
    do :: i < WRITERS -> run Writer(i); i++ :: else -> break od; i = 0;
    do :: i < READERS -> run Reader(); i++ :: else -> break od; i = 0 };
  (writers_left == 0 && readers_left == 0 && late_frame == 0);
  d_step {
    do
    :: i < SEGMENTS && seg[i].exists ->
       j = 0; end = 0; previous = 0;
       do :: j < FRAMES && FITS(i, j, previous) -> previous = seg[i].frame[j]; j++; if :: IS_COMMIT(previous) -> end = j :: else -> skip fi
          :: else -> break od;
       if :: i + 1 < SEGMENTS && seg[i + 1].exists -> assert(seg[i + 1].counted <= end); end = seg[i + 1].counted :: else -> skip fi;
       j = 0;
       do
       :: j < end ->
          if
          :: IS_COMMIT(seg[i].frame[j]) ->
             assert((history & BIT(TRANSACTION(seg[i].frame[j]))) == 0);
             assert(state_before[TRANSACTION(seg[i].frame[j])] == newest);                           /* serial */
             newest = TRANSACTION(seg[i].frame[j]); history = history | BIT(newest)
          :: else ->
             assert(j + 1 < end && TRANSACTION(seg[i].frame[j + 1]) == TRANSACTION(seg[i].frame[j]))  /* atomic */
          fi; j++
       :: else -> break
       od; i++
    :: else -> break
    od;
    assert((acknowledged & history) == acknowledged);    /* durable */
    assert((refused & history) == 0);                    /* truthful */
    assert((seen & history) == seen) }                   /* no phantom */
}
