/* One look instead of a reading: when do equal attributes of the live segment prove that nothing was added? (Log::Refresh, PickUpLocked;
 * WriteTransaction::Acknowledge)
 *
 * The server stamps changes with a clock that ticks: two changes within a tick carry the same stamp. It stamps a write when the write
 * begins; the data can be read later, for as long as the writer is stopped in between. Readers, who have clocks of their own, come again
 * and again. A sealer may mark the segment, read it and decide at any time, so that what lands afterwards does not count.
 *
 * Checked: fresh (a read sees all that was acknowledged before it began), no phantom (what was believed counts), never backwards.
 *
 * Each switch takes a guard out:
 *   NO_STAMP         no second stamp after the data
 *   STAMP_FIRST      the second stamp comes before the data can be read
 *   NO_SETTLING      equal attributes prove it at once, within the tick too
 *   SHORT_SETTLING   after less than a tick
 *   SETTLED_BY_LOOK  "settled" is measured when the reading has ended, not when it begins
 *   NO_SECOND_LOOK   frames are believed without a look after the reading
 *   NO_LOOK_AFTER    nor after one that came first, because the last look was not settled
 *   LOOK_FIRST       the writer looks before its stamp and data, not after
 *   NO_MODE          the mark is not among the attributes that are compared
 * STRICT asks for more than the protocol promises: that a read sees what an earlier read of another process saw. It fails: a commit
 * whose writer is stopped between data and stamp may be seen by one and not yet by the other. */
#ifndef COMMITS
#define COMMITS 2
#endif
#ifndef READS
#define READS 3
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef UNITS
#define UNITS 4            /* of time; a tick of the server's clock is TICK of them */
#endif
#define TICK 2
#if defined(SHORT_SETTLING)
#define SETTLED_AFTER (TICK - 1)
#elif defined(NO_SETTLING)
#define SETTLED_AFTER 0
#else
#define SETTLED_AFTER TICK
#endif

byte now;                  /* units of time, the same for all: only differences are measured */
byte stamp; bool live = true;
byte data;                 /* commits that can be read in the segment */
byte counted; bool decided;     /* M */
byte acknowledged;         /* commits, counted from the first */
bool next_acknowledged;    /* a commit in the successor */
#ifdef STRICT
byte shown;
#endif
byte readers_left = READERS; bool writer_done, sealer_done;

active proctype Clock() {
end: do :: atomic { now < UNITS -> now++ } :: now == UNITS -> break od
}

active proctype Writer() {
  byte k; bool was_live;
  for (k : 1 .. COMMITS) {
#ifdef STAMP_FIRST
    stamp = now / TICK + 1; stamp = now / TICK + 1;
#else
    stamp = now / TICK + 1;              /* the write begins */
#endif
#ifdef LOOK_FIRST
    was_live = live;
#endif
    data = k;                            /* and can be read */
#if !defined(NO_STAMP) && !defined(STAMP_FIRST)
    stamp = now / TICK + 1;
#endif
#ifdef LOOK_FIRST
    if :: was_live -> acknowledged = k :: else -> break fi
#else
    if :: atomic { live -> acknowledged = k } :: else -> break fi
#endif
  }
  /* refused, or the files decide: not of interest to readers of this segment */
  writer_done = true
}

active proctype Sealer() {
  byte m;
  if
  :: live = false; m = data; atomic { counted = m; decided = true }; next_acknowledged = true
  :: skip
  fi; sealer_done = true
}

proctype Reader() {
  byte known, seen_stamp, first_seen, begun, found, must, k, after; bool settled, any, was_live, over, must_next;
  for (k : 1 .. READS) {
#ifdef STRICT
    must = shown;
#else
    atomic { must = acknowledged; must_next = next_acknowledged };
#endif
    if
    :: over -> skip                      /* in the successor: the rest is the log's model */
    :: else ->
       if
       :: any && !settled ->              /* the reading comes first, and its look after it */
          begun = now; found = data;
          d_step { after = stamp; was_live = live };
#ifdef NO_LOOK_AFTER
          was_live = true;
#endif
          if
          :: was_live ->
             if :: found > known -> known = found :: else -> skip fi;
             if :: after != seen_stamp -> seen_stamp = after; first_seen = now :: else -> skip fi;
             settled = (begun - first_seen >= SETTLED_AFTER)
          :: else -> decided; known = counted; over = true
          fi;
          found = 0; begun = 0; after = 0
       :: else ->
       d_step { begun = stamp; was_live = live };   /* the look; `begun` holds its stamp for a moment */
       if
#ifdef NO_MODE
       :: any && settled && begun == seen_stamp -> begun = 0
#else
       :: any && settled && begun == seen_stamp && was_live -> begun = 0
       :: !was_live -> decided; known = counted; over = true; begun = 0
#endif
       :: else ->
          if :: !any || begun != seen_stamp -> seen_stamp = begun; settled = false; begun = 0; first_seen = now; any = true :: else -> skip fi;
          begun = now;
          found = data;
#ifdef SETTLED_BY_LOOK
          begun = now;
#endif
          if
          :: found > known ->
#ifdef NO_SECOND_LOOK
             known = found; settled = (begun - first_seen >= SETTLED_AFTER)
#else
             if
             :: live -> known = found; settled = (begun - first_seen >= SETTLED_AFTER)
             :: else -> decided; known = counted; over = true
             fi
#endif
          :: else -> settled = (begun - first_seen >= SETTLED_AFTER)
          fi;
          found = 0; begun = 0
       fi fi
    fi;
    assert(known >= must);                            /* fresh */
    assert(!(decided && known > counted));            /* no phantom */
    assert(over || !must_next);
#ifdef STRICT
    atomic { if :: known > shown -> shown = known :: else -> skip fi }
#endif
  }
  sealer_done; assert(!decided || known <= counted);
  readers_left--
}

init {
  byte i;
  atomic { do :: i < READERS -> run Reader(); i++ :: else -> break od };
  (readers_left == 0 && writer_done && sealer_done);
  if :: decided -> assert(acknowledged <= counted) :: else -> skip fi
}
