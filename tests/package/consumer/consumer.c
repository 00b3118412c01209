/* Writes a row into the database that it is given and counts the rows: by the engine that it is linked with, or, with
 * the word `extension` before the database, by the loadable one. C and C++. */
#include <sqlite3.h>
#include <sqlite_efs.h>
#include <stdio.h>
#include <string.h>

static int fail(sqlite3* db, const char* what) {
  fprintf(stderr, "%s: %s; %s\n", what, sqlite3_errmsg(db), sqlite_efs_last_error());
  return 1;
}

static int load(void) {
  sqlite3* db = NULL;
  char* error = NULL;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) return fail(db, "open");
  sqlite3_enable_load_extension(db, 1);
  if (sqlite3_load_extension(db, EXTENSION, NULL, &error) != SQLITE_OK) {
    fprintf(stderr, "load %s: %s\n", EXTENSION, error);
    return 1;
  }
  return sqlite3_close(db);
}

static int print(void* unused, int columns, char** values, char** names) {
  (void)unused, (void)columns, (void)names;
  puts(values[0]);
  return 0;
}

int main(int count, char** words) {
  const char* statements = "CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1); SELECT count(*) FROM t";
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
  char uri[4096];
  sqlite3* db = NULL;
  snprintf(uri, sizeof uri, "file:%s?vfs=efs", words[count - 1]);
  if (count == 3 ? load() : sqlite_efs_register(0)) return fail(NULL, "register");
  if (sqlite3_open_v2(uri, &db, flags, NULL) != SQLITE_OK) return fail(db, "open");
  if (sqlite3_exec(db, statements, print, NULL, NULL) != SQLITE_OK) return fail(db, "write");
  return sqlite3_close(db);
}
