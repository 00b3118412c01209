/* A host's cache of the base: when may a page of it be believed, if attributes tell of changes, and attributes tick? (src/store/{merger,attach}.cc)
 *
 * The server stamps a write when it begins; the data can be read later; two changes within a tick carry the same stamp. The system keeps
 * pages as long as the stamp is the one it knows, and brings pages that nobody asked for (read-ahead). A segment that is gone, by its own
 * rename or with the whole log, has all its pages in the base: whoever finds it gone reads them there.
 *
 * Checked: what a read finds in the base is at least as new as the segments that its process has found gone.
 *
 * Each switch takes a guard out:
 *   NO_TOUCH      the base gets no stamp of its own between the last write and the rename
 *   TOUCH_EARLY   it gets it less than a tick after the last write
 *   RENAME_FIRST  it gets it after the rename
 *   NO_LOOK       the base is not looked at after the segment was found gone
 *   LOOK_FIRST    it is looked at before */
#ifndef MERGES
#define MERGES 2
#endif
#ifndef READS
#define READS 2
#endif
#ifndef READERS
#define READERS 2
#endif
#ifndef UNITS
#define UNITS 6            /* of time; a tick of the server's clock is TICK of them */
#endif
#define TICK 2
#ifdef TOUCH_EARLY
#define WAIT (TICK - 1)
#else
#define WAIT TICK
#endif

byte now, stamp = 1, page, gone;
byte known; bool cached; byte value;           /* the system: the stamp it knows, a page and its content */

active proctype Clock() { end: do :: atomic { now < UNITS -> now++ } :: now == UNITS -> break od }

active proctype Merger() {
  byte k, done;
  for (k : 1 .. MERGES) {
    stamp = now / TICK + 1;
    page = k;
    done = now;
#ifdef RENAME_FIRST
    gone = k;
#endif
#ifndef NO_TOUCH
    if :: now - done >= WAIT :: now == UNITS && now - done < WAIT -> break fi;
    stamp = now / TICK + 1;
#endif
#ifndef RENAME_FIRST
    gone = k
#endif
  }
}

inline look() { atomic { if :: stamp != known -> known = stamp; cached = false; value = 0 :: else -> skip fi } }

active proctype ReadAhead() { end: do :: look() :: atomic { !cached -> cached = true; value = page } od }

active [READERS] proctype Reader() {
  byte k, found, must;
  for (k : 1 .. READS) {
#ifdef LOOK_FIRST
    look();
#endif
    must = gone;
#if !defined(LOOK_FIRST) && !defined(NO_LOOK)
    look();
#endif
    atomic { if :: !cached -> cached = true; value = page :: else -> skip fi; found = value };
    atomic { assert(found >= must); found = 0; must = 0 }
  }
}
