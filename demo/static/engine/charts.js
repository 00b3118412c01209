// The charts of /engine/. What they show is in the table too, which a screen reader reads; so they are drawn for eyes alone.
"use strict";

class Chart {
  static HEIGHT_PX = 140;
  static LEAST_TOP = 1; // of the scale: nothing that happens is drawn as large as something
  static LEAST_SPAN_S = 20;

  constructor(figure) {
    this.figure = figure;
    this.names = [figure.dataset.one, figure.dataset.two];
    this.place = figure.querySelector(".plot");
    this.plot = new uPlot(this.options(), [[], [], []], this.place);
    new ResizeObserver(() => this.plot.setSize({ width: this.place.clientWidth, height: Chart.HEIGHT_PX }))
      .observe(this.place);
  }

  options() {
    // Asked at each drawing: the colours change with the scheme.
    const colour = (name) => () => getComputedStyle(this.figure).getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const line = { width: 2, spanGaps: true, points: { show: true, size: 4 } };
    const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
    return {
      width: this.place.clientWidth || 300,
      height: Chart.HEIGHT_PX,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { range: (_plot, oldest, newest) => [Math.min(oldest, newest - Chart.LEAST_SPAN_S), newest] },
        y: { range: (_plot, _least, most) => [0, Math.max(most ?? 0, Chart.LEAST_TOP) * 1.1] },
      },
      axes: [
        { ...axis, size: 26, space: 90, values: (_plot, times) => times.map(clock) },
        { ...axis, size: 44, space: 30 },
      ],
      series: [
        {},
        { ...line, stroke: colour("--accent") },
        { ...line, stroke: colour("--pencil"), dash: [6, 3] },
      ],
    };
  }

  // Points: {time, NAME: number or null, ...}, oldest first.
  show(points) {
    if (points.length < 2) return;
    const of = (name) => points.map((point) => point[name] ?? null);
    this.plot.setData([of("time"), ...this.names.map(of)]);
    for (const name of this.names) {
      const value = points.at(-1)[name];
      const text = value == null ? "–" : value.toLocaleString("en-GB", { maximumSignificantDigits: value < 100 ? 2 : 6 });
      this.figure.querySelector(`[data-latest="${name}"]`).textContent = text;
    }
  }

  redraw() {
    this.plot.redraw();
  }
}
