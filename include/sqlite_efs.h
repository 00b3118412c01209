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

/* Gives back the lease of every database of this process that no transaction uses; how many. */
int sqlite_efs_release(void);

const char* sqlite_efs_version(void);

#ifdef __cplusplus
}
#endif

#endif /* SQLITE_EFS_H_ */
