// A Node client: answers each line of its input, a JSON list [method, ...arguments], by a line of JSON.
// better-sqlite3 gives no URI to SQLite, so it opens live files by the extension's default mode.
'use strict';
const [packageFolder, extension, file, patience] = process.argv.slice(2);
const Database = require(packageFolder);

const loader = new Database(':memory:');
loader.loadExtension(extension, 'sqlite3_efs_default_init');
loader.close();

// The engine waits for the lease by itself; SQLite's own wait only paces the repetition of a stale transaction.
const open = () => new Database(file, { timeout: Number(patience) });
let db = open();

const methods = {
  all: (sql, ...parameters) => db.prepare(sql).all(...parameters),
  run: (sql, ...parameters) => db.prepare(sql).run(...parameters).changes,
  status: () => JSON.parse(db.pragma('efs_status', { simple: true })),
  // Inserts so many rows, each in a transaction of its own.
  insert(author, count) {
    const statement = db.prepare('INSERT INTO note (author, number) VALUES (?, ?)');
    for (let number = 0; number < count; number++) statement.run(author, number);
    return count;
  },
  // All of them in one, which ends by an exception if `fails`.
  transaction(author, count, fails) {
    const insert = db.transaction(() => {
      methods.insert(author, count);
      if (fails) throw new Error('not wanted after all');
    });
    try {
      insert();
      return 'committed';
    } catch (error) {
      return error.message;
    }
  },
  backup: async (to) => (await db.backup(to)).remainingPages,
  reopen() {
    db.close();
    db = open();
    return true;
  },
  createOther(path) {
    const other = new Database(path);
    other.exec('CREATE TABLE other (a); INSERT INTO other VALUES (1), (2)');
    const mode = other.pragma('journal_mode', { simple: true });
    other.close();
    return mode;
  },
};

async function answer(line) {
  const [method, ...parameters] = JSON.parse(line);
  try {
    return { value: await methods[method](...parameters) };
  } catch (error) {
    return { error: error.message, code: error.code };
  }
}

(async () => {
  const lines = require('node:readline').createInterface({ input: process.stdin });
  for await (const line of lines) console.log(JSON.stringify(await answer(line)));
  db.close();
})();
