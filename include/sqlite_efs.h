#ifndef SQLITE_EFS_H_
#define SQLITE_EFS_H_

/* The public interface of sqlite_efs, a SQLite VFS that makes a database on a network file system safe and fast.
 * Loaded at run time (SELECT load_extension, sqlite3_auto_extension), or linked in and registered by
 * sqlite_efs_register(). All functions are thread-safe. */

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;
struct sqlite3_api_routines;

/* Entry point for run-time loading: registers the VFS "efs" for the whole process, as the default VFS only if the
 * environment variable SQLITE_EFS_DEFAULT is "1". https://www.sqlite.org/loadext.html */
int sqlite3_sqliteefs_init(struct sqlite3* db, char** error_message, const struct sqlite3_api_routines* api);

/* The same, and makes it the default VFS: live databases go through the engine, all other files pass through untouched.
 * For programs that cannot name a VFS in a URI. */
int sqlite3_efs_default_init(struct sqlite3* db, char** error_message, const struct sqlite3_api_routines* api);

/* For programs that link to the library statically: registers the VFS; an SQLite result code. */
int sqlite_efs_register(int make_default);

/* What the calling thread's last failed call ran into: a sentence that names the file or setting and what to do. Empty
 * if there was none. Valid until the thread's next call into SQLite. */
const char* sqlite_efs_last_error(void);
void sqlite_efs_clear_error(void);

/* What a connection whose `freshness` is "request" must see: everything that was committed before the calling thread's
 * request began, until it ends. A request is a unit of work of any length; a second beginning begins another one. In a
 * thread that has none, such a connection sees everything that was committed before each transaction began. */
void sqlite_efs_begin_request(void);
void sqlite_efs_end_request(void);

/* For libraries that execute a statement by several calls of SQLite (prepare, step): what the calling thread does until
 * it ends the call is one operation of its own caller's, which need not see what was committed since it began. The
 * beginning clears the last error. The end must come before the library returns. */
void sqlite_efs_begin_call(void);
void sqlite_efs_end_call(void);

/* Gives back the lease of every database of this process that no transaction uses; how many there were. When it
 * returns, no thread of the engine is giving one back any more, and sqlite_efs_last_error() is what went wrong with one
 * of them, or empty. */
int sqlite_efs_release(void);

/* --- Watching: docs/watching.md. The next two write at most `size` bytes with a 0 at the end, and return the length of
 * the whole text without it: if that is `size` or more, nothing of use was written, and a larger buffer is needed. */

/* The counters and histograms of this process, as a JSON object or in Prometheus's text format. */
enum { SQLITE_EFS_JSON = 0, SQLITE_EFS_PROMETHEUS = 1 };
int sqlite_efs_metrics(int format, char* out, int size);

/* The oldest event that is kept and was not asked for yet, as a JSON object; 0 if there is none. An event that does not
 * fit is dropped; 1024 bytes are enough. Nothing is kept before sqlite_efs_keep_events(). */
int sqlite_efs_next_event(char* out, int size);
void sqlite_efs_keep_events(void);

/* --- AWS credentials that only the program can supply */

struct sqlite_efs_credentials;

/* Called when none of the places in docs/aws.md has credentials, or they lead to what the engine does not follow (SSO,
 * credential_process), and again a few minutes before what was given expires. It calls one of the two functions below
 * with `answer` before it returns, which it should do within `limit_ms`: later, somebody waits for longer than was
 * agreed. It is called from any thread, the engine's own included, by one at a time; that thread holds locks of the
 * engine, so it must not call SQLite or any other function of this library, nor wait for a thread that does. */
typedef void (*sqlite_efs_credentials_source)(void* context, int limit_ms, struct sqlite_efs_credentials* answer);

/* Gives credentials. The strings are copied; the token may be NULL. `expires_at_ms` is since 1970; 0: never. */
void sqlite_efs_give_credentials(struct sqlite_efs_credentials* answer, const char* access_key_id,
                                 const char* secret_access_key, const char* session_token, long long expires_at_ms);

/* Gives none. `reason` is for people, copied, and must hold no secret; `may_retry`: asking again may help. */
void sqlite_efs_refuse_credentials(struct sqlite_efs_credentials* answer, const char* reason, int may_retry);

/* Sets the source of this process and its future children; NULL takes it away. `context` stays the caller's. When it
 * returns SQLITE_OK, the former one is not called any more; SQLITE_BUSY: it was still under way after 5 s. */
int sqlite_efs_set_credentials_source(sqlite_efs_credentials_source source, void* context);

const char* sqlite_efs_version(void);

#ifdef __cplusplus
}
#endif

#endif /* SQLITE_EFS_H_ */
