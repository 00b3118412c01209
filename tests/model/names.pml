/* Names: how segments come (by link of a temporary name), are sealed (by link of a second name), and go (by rename to N.merged), while
 * processes stop at any instruction for as long as it takes for all of that to happen (src/store/{generations,log}.cc).
 *
 * A segment holds one commit at most; how frames count within a segment is the log's model. What a merge does with the base is the merge's.
 * Files have identities: a number's name may be given to another file after the first one was renamed. Links go by handle, as on NFS.
 * Live: one name, and not merging.
 *
 * Checked: durable, truthful, fresh, no phantom, as in the log's model; told (a writer is always told whether its commit counts).
 *
 * READ_ONLY: the reader may not finish a seal. STALE=n: it is stopped until n segments have gone. Each switch takes a guard out:
 *   TRUST_COUNT         a segment with two names is taken for sealed, and read, without making sure of the name N.sealed; its creator's
 *                       temporary name, which it had until then, goes away later, and it is live again
 *   NO_LOOK_AFTER_LINK  a creator whose link succeeded does not look whether the segment before is merging or gone: the number may have been
 *                       given, used, merged and renamed away before
 *   FOLLOW_RETURNED     a number up to the highest N.merged is followed when a listing shows it
 *                       (its removal has not been found within 75 million states: wanted are bounds that find it, or it is not needed)
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
byte crashes = CRASHES, left = WRITERS + READERS + 1;

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
     file[made].links--;              /* the temporary name */
#ifndef NO_LOOK_AFTER_LINK
     if :: file[c].merging || GONE(c) -> made = 0 :: else -> skip fi
#endif
  :: else -> skip
  fi
}

proctype Writer(byte me) {
  byte c = 1, n = 1, t, k, made, tries; bool own, m;
  if :: skip :: me == 0 -> own = true fi;             /* the first segment may be its own */
  for (k : 1 .. (me == 0 -> SLOW_COMMITS : COMMITS)) {
    t = me * COMMITS + k; tries = 0;
    do
    :: atomic { own && file[c].commit == 0 && LIVE(c) -> break }
    :: atomic { else -> own = false; tries++; if :: tries > TRIES -> goto died :: else -> skip fi };
       if
       :: atomic { OVERTAKEN(n) -> n = highest + 1; c = at[n] }
       :: atomic { SUCCEEDED(n) -> n++; c = at[n] };
          if
          :: atomic { !file[c].owned && !claimed[n] -> claimed[n] = true; own = true }
          :: file[c].owned || claimed[n]
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
       :: atomic { SUCCEEDED(n) -> m = file[at[n + 1]].counted }; break
       :: atomic { !OVERTAKEN(n) && !SUCCEEDED(n) -> tries++; if :: tries > TRIES -> goto died :: else -> skip fi }; seal(false)
       od;
       atomic { made = 0; if :: m -> acknowledged = acknowledged | BIT(t) :: else -> refused = refused | BIT(t) fi; m = false }
    fi
  }
died:
  left--
}

proctype Reader() {
  byte c = 1, n = 1, k, must, made, known, found, tries; bool m;
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
       :: atomic { SUCCEEDED(n) -> if :: file[at[n + 1]].counted -> known = known | BIT(file[c].commit) :: else -> skip fi; n++; c = at[n] }
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
       atomic { at[n] = 0; highest = n; m = false };
       if
       :: sealed[n] -> atomic { sealed[n] = false; claimed[n] = false; file[f].links-- }     /* readers may hold it open */
       :: skip
       fi;
       if :: skip :: atomic { file[f].links > 0 -> file[f].links-- } fi                         /* N.merged, once N + 1 goes too */
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
  do :: at[3] != 0 && MERGES > 0 -> run Merger(); break :: left == 1 -> left = 0; break od;
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
