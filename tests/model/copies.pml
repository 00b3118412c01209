/* Names of a merge: which copy of segments into the base may be believed, when mergers stop anywhere, lose the lock on the base, and go on
 * (src/store/merger.cc). Inside a copy, see merge.pml; when hosts see it, base.pml.
 *
 * Two sealed segments; page a is in both, page b in the first one only. A copy takes the oldest segment or all, the newest version of each page,
 * in two pieces. It has a name: `copying` holds that of the last one begun, `K.copied.NAME` says that it has brought the segments up to K
 * into the base. Whoever finishes renames that to K.merged. Writes are refused where the lock is lost; changes of names are not.
 *
 * Checked: the base has what the segments hold that have gone.
 *
 * Each switch takes a guard out:
 *   COPY_UNNAMED      K.copied is believed, whichever copy it is of
 *   KEEP_COPY         a copy in memory is continued although another one was begun since
 *   LIST_FIRST        a copy takes the segments that were listed before it was begun
 *   COPIED_UNSEEN     what others have copied is not looked for, and taken away, once more after the copy was begun
 *   COPIED_BY_NUMBER  the name K.copied does not say whose it is: one is renamed to K.merged that came after the one that was looked at */
#ifndef MERGERS
#define MERGERS 3
#endif
#ifndef CUT_OFFS
#define CUT_OFFS 2
#endif
#ifndef STEPS
#define STEPS 3
#endif
#ifndef COPIES
#define COPIES 4             /* that are begun, of all mergers */
#endif

byte a, b;                   /* the base: the segment that a page is from */
byte merged, copying, begun, lock_, cut_offs = CUT_OFFS;
byte copied[3];              /* a bit for each copy */

#define ME (_pid + 1)
#define NAME(id) (1 << (id))
#define COMPLETE ((merged < 1 || b == 1) && (merged < 2 || a == 2))

inline take_lock() {
  atomic {
    if
    :: locked -> skip                   /* as far as it knows */
    :: !locked && lock_ == 0 -> lock_ = ME; locked = true
    :: !locked && lock_ != 0 && cut_offs > 0 -> cut_offs--; lock_ = ME; locked = true
    :: !locked && lock_ != 0 -> goto stopped
    fi }
}

inline write_page(p, version) {
  atomic { if :: lock_ == ME -> p = version; assert(COMPLETE) :: else -> goto stopped fi }
}

/* Removes a name; whoever is too late gives up, and lists anew. */
inline remove(k, names) {
#ifdef COPIED_BY_NUMBER
  atomic { if :: copied[k] != 0 -> copied[k] = 0 :: else -> goto again fi }
#else
  atomic { if :: (copied[k] & (names)) == (names) -> copied[k] = copied[k] & ~(names) :: else -> goto again fi }
#endif
}

inline list() { d_step { oldest = merged + 1; seen[1] = (merged < 1 -> copied[1] : 0); seen[2] = (merged < 2 -> copied[2] : 0) } }

inline finish(k, names) {
#ifdef COPIED_BY_NUMBER
  atomic { if :: copied[k] != 0 -> copied[k] = 0; if :: merged < k -> merged = k :: else -> skip fi; assert(COMPLETE) :: else -> skip fi }
#else
  atomic { if :: copied[k] & (names) -> copied[k] = copied[k] & ~(names); if :: merged < k -> merged = k :: else -> skip fi; assert(COMPLETE)
              :: else -> skip fi }
#endif
}

active [MERGERS] proctype Merger() {
  byte oldest, seen[3], mine, through, step, k; bool locked, half;
  do
  :: step < STEPS ->
     step++;
     take_lock();
     list();
     if :: oldest > 2 -> goto stopped :: else -> skip fi;
     k = 1;
     do
     :: k <= 2 && seen[k] != 0 ->
        if
#ifdef COPY_UNNAMED
        :: true -> finish(k, seen[k]); goto again
#else
        :: atomic { seen[k] & NAME(copying) -> seen[k] = NAME(copying) }; finish(k, seen[k]); goto again
        :: else -> remove(k, seen[k])
#endif
        fi; k++
     :: k <= 2 && seen[k] == 0 -> k++
     :: k > 2 -> break
     od;
#ifndef KEEP_COPY
     atomic { if :: mine != 0 && copying != mine -> mine = 0; half = false :: else -> skip fi };
#endif
     if
     :: mine != 0 -> skip
     :: mine == 0 ->
        atomic { if :: begun < COPIES -> begun++; mine = begun :: else -> goto stopped fi };
        copying = mine;
#ifndef LIST_FIRST
        list();
        if :: oldest > 2 -> goto stopped :: else -> skip fi;
#endif
#ifndef COPIED_UNSEEN
        k = oldest;
        do :: k <= 2 -> if :: seen[k] != 0 -> remove(k, seen[k]) :: else -> skip fi; k++ :: else -> break od;
#endif
        if :: through = oldest :: through = 2 fi
     fi;
     if
     :: !half ->
        write_page(a, through); half = true;
        if :: goto again :: skip fi
     :: half
     fi;
     if :: oldest == 1 -> write_page(b, 1) :: else -> skip fi;
#ifdef COPIED_BY_NUMBER
     copied[through] = NAME(mine);
#else
     copied[through] = copied[through] | NAME(mine);
#endif
     mine = 0; half = false;
again:
     atomic { k = 0; seen[1] = 0; seen[2] = 0; oldest = 0 };
     if                                  /* between two steps after commits; a checkpoint keeps it */
     :: atomic { locked = false; if :: lock_ == ME -> lock_ = 0 :: else -> skip fi }
     :: skip
     fi
  :: else -> break
  od;
stopped:
  atomic { if :: lock_ == ME -> lock_ = 0 :: else -> skip fi; oldest = 0; mine = 0; through = 0; k = 0; half = false; locked = false; step = 0; seen[1] = 0; seen[2] = 0 }
}
