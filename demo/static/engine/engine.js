// Asks for the engine's figures as long as somebody looks, and shows what the process that answers says of itself.
"use strict";

(() => {
  const INTERVAL_MS = 2000;
  const TIMEOUT_MS = 10000;
  const MAX_INTERVAL_MS = 30000; // after failures
  const MAX_POINTS = 60;
  const MAX_COMMITS = 5;
  const MAX_PROCESSES = 20;
  const FORGET_MS = 15000; // without an answer of the process on show, another takes its place

  const page = document.querySelector(".engine");
  const pause = document.getElementById("pause");
  const trouble = document.getElementById("trouble");
  const charts = [];
  const processes = new Map(); // by name: {last, time, points, answers}
  let shown = null;
  let previous = null; // figures, whoever has answered
  let interval = INTERVAL_MS;
  let timer = null;
  let paused = false;

  function rates(now, before, seconds) {
    const more = (name) => now[name] - before[name];
    const mean_ms = (name) => (more(`${name}_count`) ? more(`${name}_sum`) / more(`${name}_count`) / 1000 : null);
    return {
      reads: more("read_transactions") / seconds,
      commits: more("commits") / seconds,
      calls: more("file_calls") / seconds,
      requests: more("requests") / seconds,
      hits: more("cache_hits") / seconds,
      misses: more("cache_misses") / seconds,
      writers: mean_ms("lease_wait_us"),
      readers: mean_ms("read_begin_us"),
    };
  }

  function note(figures, time) {
    const known = processes.get(figures.process) ?? { points: [], answers: 0 };
    // Of the first answer there is nothing to compare with: a point without values, where the lines may begin.
    const values = known.last ? rates(figures, known.last, (time - known.time) / 1000) : {};
    known.points.push({ time: time / 1000, ...values });
    known.points.splice(0, known.points.length - MAX_POINTS);
    Object.assign(known, { last: figures, time, answers: known.answers + 1 });
    processes.delete(figures.process); // so that the first of the map is the one not heard of for longest
    processes.set(figures.process, known);
    if (processes.size > MAX_PROCESSES) processes.delete(processes.keys().next().value);
    return known;
  }

  function show_commits(now) {
    const last = previous;
    previous = now;
    if (!last?.is_live || !now.is_live || (last.segment === now.segment && last.frames === now.frames)) return;
    const item = document.createElement("li");
    const at = now.changed_ms ? new Date(now.changed_ms).toLocaleTimeString("en-GB") : "just now";
    item.textContent = `${at}: the log is at segment ${now.segment}, frame ${now.frames}`;
    if (last.process === now.process) {
      // Between answers of different processes it is not known whose commits these were.
      const own = now.commits - last.commits;
      item.textContent += own ? ` (${own} by ${now.process})` : " (by another process)";
    }
    const list = page.querySelector(".seen ol");
    if (!list.dataset.begun) list.replaceChildren();
    list.dataset.begun = "yes";
    list.prepend(item);
    while (list.children.length > MAX_COMMITS) list.lastChild.remove();
  }

  function show_others() {
    const items = [...processes].filter(([name]) => name !== shown).map(([name, { last, answers }]) => {
      const item = document.createElement("li");
      item.textContent =
        `${name}: ${answers} answers; ${last.requests} requests, ${last.commits} commits, ` +
        `${last.file_calls} file-system calls since it began`;
      return item;
    });
    page.querySelector(".others").hidden = items.length === 0;
    page.querySelector(".others ul").replaceChildren(...items);
  }

  function write(texts) {
    for (const [key, text] of Object.entries(texts)) {
      const cell = page.querySelector(`[data-text="${key}"]`);
      if (cell) cell.textContent = text;
    }
  }

  function show({ figures, texts, since }) {
    const time = Date.now();
    const known = note(figures, time);
    const current = processes.get(shown);
    if (!current || time - current.time > FORGET_MS) shown = figures.process;
    write(texts.database);
    show_commits(figures);
    show_others();
    if (figures.process !== shown) return;
    write({ ...texts.process, since, process: figures.process });
    for (const chart of charts) chart.show(known.points);
  }

  function complain(text) {
    if (trouble.textContent !== text) trouble.textContent = text; // said once, not at each attempt
    trouble.hidden = text === "";
  }

  async function ask() {
    try {
      const answer = await fetch(page.dataset.figures, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!answer.ok) throw new Error(`answer ${answer.status}`);
      const told = await answer.json();
      complain(told.unavailable ?? "");
      if (told.figures) show(told);
      interval = INTERVAL_MS;
    } catch {
      complain("The site does not answer. The figures are old; trying again.");
      interval = Math.min(2 * interval, MAX_INTERVAL_MS);
    }
  }

  async function watch() {
    timer = null;
    await ask();
    go_on(interval);
  }

  function go_on(wait_ms) {
    if (timer === null && !paused && !document.hidden) timer = setTimeout(watch, wait_ms);
  }

  function stop() {
    clearTimeout(timer);
    timer = null;
  }

  page.querySelector(".charts").hidden = false;
  page.querySelector(".seen").hidden = false;
  page.querySelector(".again").hidden = true;
  for (const figure of page.querySelectorAll(".chart")) charts.push(new Chart(figure));
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    if (paused) stop();
    else go_on(0);
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : go_on(0)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.redraw()));
  go_on(0);
})();
