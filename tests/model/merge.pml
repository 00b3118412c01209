/* Merging: the pages of sealed segments move into the base (src/store/{merger,page_copy}.cc, readers: {log,live_database}.cc).
 *
 * Two pages, segments of two transactions each, a writer that goes on, mergers that may stop anywhere (dead, paused, or cut off: their lock
 * goes to another one, and the server refuses what they send then), sealers that are late, readers with snapshots of any age and with caches.
 * A page's value is the transaction that wrote it. Page 1 is part of every transaction and states the database's size. In TRUNCATING
 * histories page 2 comes and goes, and the base's file is lengthened and cut.
 *
 * Checked: every page that a read believes is its snapshot's; what the header of the base states is there; in the end base and segments hold
 * the newest version of each page.
 *
 * QUIET: the last transaction does not write page 1 again, so that the base alone has it in the end.
 * PIECES: a merger unlocks the base between its writes, and another one may go on meanwhile, with the same segment or a later one.
 * A copy is of one segment here. How copies are told apart is in copies.pml; how segments come and go, in names.pml; how a host's cache of the base is validated, in base.pml.
 *
 * Each switch takes a guard out:
 *   LATE_SEAL_UNMARKS    seals are a mode, as merging is, and not a second name: a late one takes the mark "merging" back
 *   CARELESS_SERVER      the server takes writes of a merger whose lock it gave to another one
 *   PICK_BEFORE_LOCK     the segment is chosen before the lock is held
 *   KEEP_PICK            it is not chosen anew with each piece                                     (PIECES)
 *   UNLOCK_EARLY         a write of unknown outcome does not keep the lock held
 *   REMOVE_ANYWAY        a segment is removed although a write failed
 *   MARK_LATE            the mark comes after the first write to the base
 *   NEWEST_FIRST         not the oldest segment first
 *   NO_LOOK              pages of the base are believed without a look
 *   LOOK_FIRST           the look comes before the reading
 *   GONE_IS_FINE         the look takes "removed" for "not being merged"
 *   NO_REVALIDATION      the base is read through the system's cache, also when a segment is found gone
 *   LIST_ONCE            a listing is believed that was made while segments came and went
 *   KEEP_PARTIAL         a segment that is gone and known only in part stays in the index
 *   CACHE_ANY_AGE        a page of the base in the engine's cache serves snapshots older than the one that read it
 *   CACHE_STALE          it enters the cache although the cache was dropped while it was being read
 *   CACHE_KEEPS          of two contents the first one stays, whichever snapshot it is of, and serves both
 *   HEADER_EARLY         page 1 is written before the file has the length that it states             (TRUNCATING)
 *   CUT_EARLY            the file is cut before page 1 says so                                      (TRUNCATING) */
#ifndef MERGERS
#define MERGERS 2
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 1
#endif
#ifndef READERS
#define READERS 1           /* 0: what the files hold in the end is all that is checked */
#endif
#ifndef READS
#define READS 2
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#define SEGMENTS 3
#define LAST 5
#define FIRST_OF(s) (2 * (s))
#define LAST_OF(s) ((2 * (s) + 2 > LAST) -> LAST : 2 * (s) + 2)

bool has2[LAST + 1];                   /* whether a transaction writes page 2 (and page 1: always, if TRUNCATING) */
bool has1[LAST + 1];
byte size[LAST + 1];                   /* pages, after it */
byte head, live;                       /* committed transactions; the live segment */
bool gone[SEGMENTS], merging[SEGMENTS];
bool late_seal = true;
byte base[2], length;                  /* the base's pages, and how many it has */
byte lock_; byte faults = FAULTS;
byte late_page[MERGERS + 1], late_value[MERGERS + 1];    /* a write under way: page + 1 (3: the length) */
byte kernel[2]; bool in_kernel[2];     /* the system's cache of the base */
byte engine[2]; bool in_engine[2]; byte tag[2]; bool dropped[READERS + 1];
byte mergers_left = MERGERS, readers_left = READERS; bool writer_done;

#define WRITES(t, p) ((p == 0 && has1[t]) || (p == 1 && has2[t]))

/* The newest transaction of (low, high] that wrote page p, as far as the page exists after it. */
inline version(p, low, high, result) {
  d_step {
    byte at_ = high; result = 0;
    do :: at_ > low && result == 0 -> if :: WRITES(at_, p) -> result = at_ :: else -> skip fi; at_-- :: else -> break od; at_ = 0 } }

proctype Writer() {
  do
  :: atomic { head < LAST && head < LAST_OF(live) -> head++;
       if :: head == LAST_OF(live) && live < SEGMENTS - 1 -> live++ :: skip fi }
  :: atomic { head == LAST_OF(live) && live < SEGMENTS - 1 -> live++ }
  :: atomic { head == LAST && live == SEGMENTS - 1 -> writer_done = true; break }
  od
}

#ifdef LATE_SEAL_UNMARKS
active proctype LateSealer() { end: atomic { merging[0] -> merging[0] = false } }
#endif

inline drop_caches() {
  d_step { in_kernel[0] = false; in_kernel[1] = false; kernel[0] = 0; kernel[1] = 0; in_engine[0] = false; in_engine[1] = false;
    engine[0] = 0; engine[1] = 0; tag[0] = 0; tag[1] = 0; dropped[0] = true;
#if READERS > 1
    dropped[1] = true
#endif
  } }

/* A page of the base enters the engine's cache. */
inline enter(page_, value_, as_of_) {
  if
  :: !in_engine[page_] || as_of_ < tag[page_] ->
#ifdef CACHE_KEEPS
     if :: !in_engine[page_] -> engine[page_] = value_ :: else -> skip fi;
#else
     engine[page_] = value_;
#endif
     in_engine[page_] = true; tag[page_] = as_of_
  :: else -> skip
  fi }

inline pick(s) {
  d_step {
#ifdef NEWEST_FIRST
    byte x_ = 0; s = 0; do :: x_ < live -> if :: !gone[x_] -> s = x_ :: else -> skip fi; x_++ :: else -> break od; x_ = 0
#else
    s = 0; do :: s < SEGMENTS && gone[s] -> s++ :: else -> break od
#endif
  } }

inline apply(what, value) {
  if
  :: what == 1 -> base[0] = value
  :: what == 2 -> base[1] = value; if :: length < 2 -> length = 2 :: else -> skip fi
  :: what == 3 -> if :: value < 2 -> base[1] = 0 :: else -> skip fi; length = value
  fi }

/* A step of a merge at the base: done; refused because the lock is lost; of unknown outcome; not done (a dead or stopped merger, a full disk). */
inline change(what, value) {
  atomic {
    if
    :: failed -> skip
    :: !failed ->
       if
#ifdef CARELESS_SERVER
       :: apply(what, value)
#else
       :: lock_ == id -> apply(what, value)
       :: lock_ != id -> failed = true
#endif
       :: lock_ == id && faults > 0 && late_page[id] == 0 -> faults--; late_page[id] = what; late_value[id] = value; failed = true
       :: faults > 0 -> faults--; failed = true
       fi
    fi } }

inline take_lock() {
  atomic {                             /* free, or taken from one that is cut off */
    lock_ == 0 || (lock_ != id && faults > 0);
    if
    :: lock_ != 0 -> faults--;
#ifndef CARELESS_SERVER
       late_page[lock_] = 0; late_value[lock_] = 0;
#endif
       skip
    :: else -> skip
    fi; lock_ = id }
}

proctype Merger(byte id) {
  byte s, v1, v2, k; bool failed;
  for (k : 1 .. ATTEMPTS) {
#ifdef PICK_BEFORE_LOCK
    pick(s);
#endif
    take_lock();
#ifndef PICK_BEFORE_LOCK
    pick(s);
#endif
    if
    :: atomic { s < live && s < SEGMENTS -> failed = false };
#ifndef MARK_LATE
       merging[s] = true;
#endif
       atomic { version(0, FIRST_OF(s), LAST_OF(s), v1); version(1, FIRST_OF(s), LAST_OF(s), v2);
         if :: size[LAST_OF(s)] < 2 -> v2 = 0 :: else -> skip fi };
#ifdef HEADER_EARLY
       if :: v1 != 0 -> change(1, v1) :: else -> skip fi;
#endif
#ifdef CUT_EARLY
       if :: size[LAST_OF(s)] < length -> change(3, size[LAST_OF(s)]) :: else -> skip fi;
#endif
       if :: v2 != 0 -> change(2, v2) :: else -> skip fi;
#ifdef PIECES
       if
       :: failed -> skip
       :: atomic { !failed -> if :: lock_ == id -> lock_ = 0 :: else -> skip fi };
          take_lock();
#ifndef KEEP_PICK
          atomic { pick(v2); if :: v2 != s -> failed = true :: else -> skip fi }
#endif
       fi;
#endif
#ifdef MARK_LATE
       merging[s] = true;
#endif
#ifndef HEADER_EARLY
       if :: v1 != 0 -> change(1, v1) :: else -> skip fi;
#endif
       if :: size[LAST_OF(s)] < length -> change(3, size[LAST_OF(s)]) :: else -> skip fi;
       if
#ifdef REMOVE_ANYWAY
       :: skip -> gone[s] = true
#else
       :: atomic { !failed -> gone[s] = true }
       :: failed -> skip
#endif
       fi
    :: else -> skip
    fi;
    atomic {
#ifndef UNLOCK_EARLY
      (late_page[id] == 0 || lock_ != id);
#endif
      s = 0; v1 = 0; v2 = 0; if :: lock_ == id -> lock_ = 0 :: else -> skip fi }
  }
  mergers_left--
}

active proctype Network() {
end: do
  :: atomic { late_page[1] != 0 -> apply(late_page[1], late_value[1]); late_page[1] = 0; late_value[1] = 0 }
#if MERGERS > 1
  :: atomic { late_page[2] != 0 -> apply(late_page[2], late_value[2]); late_page[2] = 0; late_value[2] = 0 }
#endif
  od
}

/* One name after another; what comes and goes meanwhile may be listed or not. `set`: a bit for each segment. */
inline list_directory(set) {
#ifdef LISTS
  atomic { set = 0; if :: !gone[1] && live >= 1 -> set = set | 2 :: else -> skip fi };
  atomic { if :: !gone[2] && live >= 2 -> set = set | 4 :: else -> skip fi };
  atomic { if :: !gone[0] -> set = set | 1 :: else -> skip fi };
#else
  d_step { set = 0; if :: !gone[0] -> set = set | 1 :: else -> skip fi;
    if :: !gone[1] && live >= 1 -> set = set | 2 :: else -> skip fi; if :: !gone[2] && live >= 2 -> set = set | 4 :: else -> skip fi };
#endif
}

proctype Reader(byte me) {
  byte known[SEGMENTS]; byte t, own, s, p, v, r, w, k, set, again, beside; bool anew, refused, have, cached;
  anew = true;
  for (k : 1 .. READS) {
    refused = false;
restart:
    if
    :: anew ->
       list_directory(set);
#if !defined(LIST_ONCE) && defined(LISTS)
       do :: list_directory(again); if :: again == set -> break :: else -> set = again fi od;
#endif
       atomic {
         known[0] = 0; known[1] = 0; known[2] = 0; again = 0;
         if :: set & 1 -> own = 0 :: !(set & 1) && (set & 2) -> own = 1 :: !(set & 1) && !(set & 2) -> own = 2 fi;
         drop_caches(); anew = false; set = 0 }       /* the base is opened after the listing: that revalidates it */
    :: else -> skip
    fi;
    do                                  /* follows the segments to the live one */
    :: atomic { own < live && !gone[own] -> known[own] = 2; own++ }
    :: atomic { own < live && gone[own] ->
         if
         :: known[own] == 2 -> own++
#ifdef KEEP_PARTIAL
         :: known[own] == 1 -> own++
         :: known[own] == 0 -> anew = true
#else
         :: else -> anew = true
#endif
         fi };
       if :: anew -> goto restart :: else -> skip fi
    :: atomic { own == live -> t = head; known[own] = t - FIRST_OF(own) }; break
    od;
    p = 0;
    do
    :: p < size[t] && !refused ->
       atomic { v = 0; s = own + 1;     /* the newest frame of the index */
         do
         :: s > 0 && v == 0 -> s--; r = FIRST_OF(s) + known[s];
            do :: r > FIRST_OF(s) && v == 0 -> if :: WRITES(r, p) -> v = r :: else -> r-- fi :: else -> break od
         :: else -> break
         od; r = 0;
         have = (v != 0 && !gone[s]); refused = (v != 0 && gone[s] && s == own);
#ifndef NO_REVALIDATION
         if :: v != 0 && !have && !refused -> drop_caches() :: else -> skip fi;
#endif
         s = 0 };
       if
       :: have || refused -> skip
       :: else ->
          atomic { dropped[me] = false; cached = false;
            if
#ifdef CACHE_ANY_AGE
            :: in_engine[p] -> v = engine[p]; cached = true
#else
            :: in_engine[p] && tag[p] <= own -> v = engine[p]; cached = true
#endif
            :: else -> skip
            fi };
          if
          :: cached -> skip
          :: else ->
#ifdef LOOK_FIRST
             refused = merging[own] || gone[own];
#endif
             atomic { if :: in_kernel[p] -> v = kernel[p] :: else -> v = base[p]; kernel[p] = v; in_kernel[p] = true fi;
               if :: in_kernel[1 - p] -> beside = kernel[1 - p] :: else -> beside = base[1 - p] fi };
#if !defined(NO_LOOK) && !defined(LOOK_FIRST)
#ifdef GONE_IS_FINE
             refused = merging[own] && !gone[own];
#else
             refused = merging[own] || gone[own];
#endif
#endif
             d_step {
               if
#ifdef CACHE_STALE
               :: !refused -> enter(p, v, own); enter(1 - p, beside, own)
#else
               :: !refused && !dropped[me] -> enter(p, v, own); enter(1 - p, beside, own)
#endif
               :: else -> skip
               fi;
               beside = 0 }
          fi
       fi;
       atomic {
         if :: refused -> skip :: else -> version(p, 0, t, w); assert(v == w); w = 0 fi;
         v = 0; s = 0; have = false; cached = false; p++ }
    :: else -> break
    od;
    p = 0
  }
  readers_left--
}

/* Whoever opens the base compares its header with its length. */
active proctype Opener() { end: do :: atomic { size[base[0]] > length -> assert(false) } od }

init {
  byte p, s, v, w;
  atomic {
    size[0] = 2; length = 2;
    size[1] = 2; size[2] = 2; size[3] = 2; size[4] = 2; size[5] = 2;
#if defined(TRUNCATING)
    has1[1] = true; has1[2] = true; has1[3] = true; has1[4] = true; has1[5] = true;
    size[1] = 2; size[2] = 1; size[3] = 2; size[4] = 2; size[5] = 1; has2[3] = true;
#elif defined(QUIET)
    has1[1] = true; has1[3] = true; has2[2] = true; has2[4] = true; has2[5] = true;
#elif defined(SELDOM)
    has1[1] = true; has1[2] = true; has1[3] = true; has1[5] = true; has2[4] = true;
#elif defined(BESIDE)
    has2[1] = true; has2[2] = true; has2[3] = true; has2[5] = true; has1[4] = true;
#else
    has1[1] = true; has1[3] = true; has1[4] = true; has1[5] = true; has2[2] = true; has2[4] = true; has2[5] = true;
#endif
    run Writer(); run Merger(1);
#if MERGERS > 1
    run Merger(2);
#endif
#if READERS > 0
    run Reader(0);
#endif
#if READERS > 1
    run Reader(1)
#endif
  };
  (writer_done && mergers_left == 0 && readers_left == 0 && late_page[1] == 0);
#if MERGERS > 1
  late_page[2] == 0;
#endif
  p = 0;
  do
  :: p < size[LAST] -> pick(s); version(p, FIRST_OF(s), LAST, v); if :: v == 0 -> v = base[p] :: else -> skip fi;
     version(p, 0, LAST, w); assert(v == w); p++
  :: else -> break
  od
}
