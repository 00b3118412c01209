/* Names: how segments come (by link of a temporary name), are sealed (by link of a second name), and go (a rename says N.merged, then the names
 * up to N are removed), while processes stop at any instruction for as long as it takes for all of that to happen
 * (src/store/{generations,log,layout}.cc).
 *
 * A segment holds one commit at most; how frames count within a segment is the log's model. What a merge does with the base is the merge's.
 * Files have identities: a number's name may be given to another file after the first one was removed. Links go by handle, as on NFS.
 * Live: one name, and not merging. A new segment has a second one for a moment, the temporary name, and so has one that came too late.
 * To follow is two steps: the listing that shows the name, and its opening.
 *
 * Checked: durable, truthful, fresh, no phantom, as in the log's model; told (a writer is always told whether its commit counts).
 *
 * READ_ONLY: the reader may not finish a seal. STALE=n: it is stopped until n segments have gone. LATE: a writer that is late is there already,
 * stopped before its link. Each switch takes a guard out:
 *   TRUST_COUNT         a segment with two names is taken for sealed, and read, without making sure of the name N.sealed; its creator's
 *                       temporary name, which it had until then, goes away later, and it is live again
 *   NO_LIST_AFTER_LINK  a creator whose link succeeded, and who goes on with that segment, does not look how far merging has come: the number may
 *                       have been given, used, merged and removed before. (Where the segment is found by a listing afterwards, that does it.)
 *   FOLLOW_RETURNED     a number up to the highest N.merged is followed when a listing shows it
 *   OPEN_UNCHECKED      after a segment was opened nobody looks whether the number was used, merged and given again since the listing
 *   SEAL_IF_LIVE        a writer who asks what became of its commit finishes a seal only if the segment is live: not what a dead one has begun
 *   FORGET              when a segment goes, it is not kept how many frames of the one before counted
 *   LINKS_FIRST         one name means live, even if the segment is marked merging: when a merged one loses its other name */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef COMMITS
#define COMMITS 2
#endif
#ifndef SLOW_COMMITS
#define SLOW_COMMITS 1   /* of the first writer */
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef READS
#define READS 1
#endif
#ifndef MERGES
#define MERGES 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#define NUMBERS 5
#define FILES 10
#define TRIES 4
#define BIT(t) ((t) == 0 -> 0 : 1 << ((t) - 1))

typedef File { byte number; byte links; bool merging; bool owned; bool counted; byte commit }
File file[FILES];                    /* counted: whether the commit of the one before counts */
byte files = 1;
byte at[NUMBERS + 2];                /* the file that a number names */
bool sealed[NUMBERS + 2], claimed[NUMBERS + 2];
byte highest;                        /* of the names N.merged */
bool kept[NUMBERS + 2], kept_counted[NUMBERS + 2];   /* what a merger writes down of a segment before it renames it */
byte base;                           /* a bit for each transaction */
byte acknowledged, refused, seen;
#ifdef LATE
byte crashes = CRASHES, left = WRITERS + READERS + 2;
#else
byte crashes = CRASHES, left = WRITERS + READERS + 1;
#endif

#ifdef LINKS_FIRST
#define LIVE(f) (file[f].links == 1)
#else
#define LIVE(f) (file[f].links == 1 && !file[f].merging)
#endif
#define GONE(f) (file[f].links == 0)
#ifdef FOLLOW_RETURNED
#define SUCCEEDED(n) (at[(n) + 1] != 0)
#define OVERTAKEN(n) (at[(n) + 1] == 0 && (n) + 1 <= highest)
#else
#define SUCCEEDED(n) (at[(n) + 1] != 0 && (n) + 1 > highest)
#define OVERTAKEN(n) ((n) + 1 <= highest)
#endif
#if defined(OPEN_UNCHECKED) || defined(FOLLOW_RETURNED)
#define PASSED(n) (false)
#else
#define PASSED(n) ((n) + 1 <= highest)
#endif

inline may_die() { if :: skip :: atomic { crashes > 0 -> crashes--; goto died } fi }

/* Makes a successor of file c (number n), for oneself or for nobody. */
inline seal(own_it) {
  atomic { made = 0; if :: n >= NUMBERS || files >= FILES - 1 -> goto died :: else -> skip fi };   /* bounds of the model */
#ifdef TRUST_COUNT
  if :: file[c].links >= 2 -> skip :: else ->
#endif
  atomic { if :: !sealed[n] && !GONE(c) -> sealed[n] = true; file[c].links++ :: else -> skip fi }
#ifdef TRUST_COUNT
  fi
#endif
  ;
  m = (file[c].commit != 0);
  may_die();
  atomic {
    if
    :: at[n + 1] == 0 -> files++; made = files; at[n + 1] = made;
       file[made].number = n + 1; file[made].links = 2; file[made].owned = own_it; file[made].counted = m
    :: else -> skip
    fi; m = false };
  if
  :: made != 0 ->
     may_die();
#ifndef NO_LIST_AFTER_LINK
     atomic { if :: highest >= n + 1 -> if :: at[n + 1] == made -> at[n + 1] = 0; file[made].links-- :: else -> skip fi; late = made; made = 0 :: else -> skip fi };
     if :: late != 0 -> atomic { file[late].links--; late = 0 } :: else -> file[made].links-- fi      /* the temporary name */
#else
     file[made].links--
#endif
  :: else -> skip
  fi
}

inline open_next() {
  next = at[n + 1];
  atomic { if :: next != 0 && PASSED(n) -> next = 0 :: else -> skip fi }
}

#ifdef LATE
proctype LateSealer() {               /* of the first segment */
  byte made, late;
  atomic { made = 0; if :: at[2] == 0 && files < FILES - 1 -> files++; made = files; at[2] = made; file[made].number = 2; file[made].links = 2; file[made].counted = (file[1].commit != 0) :: else -> goto done fi };
  if :: skip :: goto done fi;          /* it dies */
  atomic { if :: highest >= 2 -> if :: at[2] == made -> at[2] = 0; file[made].links-- :: else -> skip fi :: else -> skip fi };
  file[made].links--;
done:
  atomic { made = 0; left-- }
}
#endif

proctype Writer(byte me) {
  byte c = 1, n = 1, t, k, made, tries, late, next; bool own, m;
  if :: skip :: me == 0 -> own = true fi;             /* the first segment may be its own */
  for (k : 1 .. (me == 0 -> SLOW_COMMITS : COMMITS)) {
    t = me * COMMITS + k; tries = 0;
    do
    :: atomic { own && file[c].commit == 0 && LIVE(c) -> break }
    :: atomic { else -> own = false; tries++; if :: tries > TRIES -> goto died :: else -> skip fi };
       if
       :: atomic { OVERTAKEN(n) -> n = highest + 1; c = at[n] }
       :: SUCCEEDED(n) -> open_next();
          if
          :: next == 0 -> skip
          :: atomic { next != 0 -> n++; c = next; next = 0 };
          if
          :: atomic { !file[c].owned && !claimed[n] -> claimed[n] = true; own = true }
          :: file[c].owned || claimed[n]
          fi
          fi
       :: atomic { !OVERTAKEN(n) && !SUCCEEDED(n) -> skip };
          seal(true);
          atomic { if :: made != 0 -> n++; c = made; own = true; made = 0 :: else -> skip fi }
       fi
    od;
    tries = 0;
    file[c].commit = t;
    may_die();
    if
    :: atomic { LIVE(c) -> acknowledged = acknowledged | BIT(t) }
    :: else ->
       own = false;
       do
       :: atomic { OVERTAKEN(n) && kept[n] -> m = kept_counted[n] }; break
       :: atomic { OVERTAKEN(n) && !kept[n] -> assert(false) }                         /* told */
       :: SUCCEEDED(n) -> open_next();
          if :: atomic { next != 0 -> m = file[next].counted; next = 0 }; break :: next == 0 fi
       :: atomic { !OVERTAKEN(n) && !SUCCEEDED(n) -> tries++; if :: tries > TRIES -> goto died :: else -> skip fi };
#ifdef SEAL_IF_LIVE
          if :: LIVE(c) -> seal(false) :: else -> if :: SUCCEEDED(n) || OVERTAKEN(n) :: timeout -> assert(false) fi fi      /* told */
#else
          seal(false)
#endif
       od;
       atomic { made = 0; if :: m -> acknowledged = acknowledged | BIT(t) :: else -> refused = refused | BIT(t) fi; m = false }
    fi
  }
died:
  left--
}

proctype Reader() {
  byte c = 1, n = 1, k, must, made, known, found, tries, late, next; bool m;
#ifdef STALE
  if :: highest >= STALE -> skip :: left <= READERS -> goto died fi;
#endif
  for (k : 1 .. READS) {
    must = acknowledged;
    do
    :: LIVE(c) ->
       found = BIT(file[c].commit);
       if :: LIVE(c) -> break :: else -> found = 0 fi
    :: else ->
       atomic { tries++; if :: tries > TRIES -> goto died :: else -> skip fi };
       if
       :: atomic { OVERTAKEN(n) -> n = highest + 1; c = at[n]; known = known | base }
       :: SUCCEEDED(n) -> open_next();
          atomic {
            if
            :: next != 0 -> if :: file[next].counted -> known = known | BIT(file[c].commit) :: else -> skip fi; n++; c = next; next = 0
            :: else -> skip
            fi }
       :: atomic { !OVERTAKEN(n) && !SUCCEEDED(n) -> skip };
#ifdef READ_ONLY
          goto died
#else
          seal(false)
#endif
       fi
    od;
    atomic { tries = 0; made = 0; assert((must & (known | found)) == must); seen = seen | known | found; found = 0 }
  }
died:
  left--
}

proctype Merger() {
  byte n, f, k; bool m;
  for (k : 1 .. MERGES) {
    if
    :: atomic { at[highest + 1] != 0 && at[highest + 2] != 0 -> n = highest + 1; f = at[n] };
       file[f].merging = true;
       atomic {
         m = file[at[n + 1]].counted; if :: m -> base = base | BIT(file[f].commit) :: else -> skip fi;
#ifndef FORGET
         kept[n] = true; kept_counted[n] = m
#endif
       };
       atomic { highest = n; m = false };
       atomic { at[n] = 0; file[f].links-- };                       /* whoever holds it open may do so */
       if
       :: sealed[n] -> atomic { sealed[n] = false; claimed[n] = false; file[f].links-- }
       :: skip
       fi
    :: atomic { at[highest + 1] == 0 || at[highest + 2] == 0 -> break }
    fi
  }; left--
}

init {
  byte i, n, f;
  atomic {
    file[1].number = 1; file[1].links = 1; at[1] = 1;
    do :: i < WRITERS -> run Writer(i); i++ :: else -> break od; i = 0;
    do :: i < READERS -> run Reader(); i++ :: else -> break od; i = 0 };
#ifdef LATE
  do :: at[2] != 0 && sealed[1] -> run LateSealer(); break :: left == 2 -> left = 1; break od;
#endif
  do :: highest == 0 && at[3] != 0 && MERGES > 0 -> run Merger(); break :: left == 1 -> left = 0; break od;
  (left == 0);
  d_step {
    i = base; n = highest + 1;
    do
    :: n <= NUMBERS && at[n + 1] != 0 -> if :: file[at[n + 1]].counted -> i = i | BIT(file[at[n]].commit) :: else -> skip fi; n++
    :: else -> i = i | BIT(file[at[n]].commit); break
    od;
    assert((acknowledged & i) == acknowledged);          /* durable */
    assert((refused & i) == 0);                          /* truthful */
    assert((seen & i) == seen) }                         /* no phantom */
}
