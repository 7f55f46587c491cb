"use strict";
// The zoom of the timeline. Nothing is fetched from anywhere.
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const NAMES = data.kind_letters;
  const WORDS = JSON.parse(document.getElementById("kind-words").textContent);
  const STALLS = new Set(["fetch", "prev", "next"]);
  const SVG = "http://www.w3.org/2000/svg", LANE = 56, GAP = 12, TOP = 24, LEFT = 44, MOST = 1200;
  const figure = document.getElementById("zoom");
  const engines = Object.entries(data.engines).map(([name, found]) => {
    const ends = new Float64Array(found.lengths.length);
    let at = 0;
    found.lengths.forEach((length, i) => { ends[i] = at += length; });
    const layer = new Int32Array(ends.length);
    let next = 0;
    found.slices_of_layer.forEach((count, i) => layer.fill(i, next, next += count));
    return { name, kinds: found.kinds, ends, layer };
  });
  const overviews = [...document.querySelectorAll('figure[data-chart="timeline"] svg')];
  let from = 0, to = data.cycles;

  const make = (parent, tag, attributes, text) => {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return parent.appendChild(node);
  };
  const whole = (number) => Math.round(number).toLocaleString("en-US");
  const first = (ends, cycle) => {  // the slice that holds `cycle`
    let low = 0, high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] > cycle) high = middle; else low = middle + 1;
    }
    return low;
  };
  const ticks = (low, high, count) => {
    const raw = Math.max((high - low) / count, 1), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= raw);
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) found.push(v);
    return found;
  };

  function draw() {
    const width = Math.max(320, figure.clientWidth), right = width - 14;
    const height = TOP + 3 * (LANE + GAP) + 40;
    const x = (cycle) => LEFT + (Math.min(Math.max(cycle, from), to) - from) / (to - from) * (right - LEFT);
    figure.replaceChildren();
    const svg = make(figure, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": "timeline, zoomed", "data-from": from, "data-to": to });
    const bottom = TOP + 3 * (LANE + GAP) - GAP;
    for (const value of ticks(from, to, width < 600 ? 3 : 8)) {
      make(svg, "line", { class: "grid", x1: x(value), x2: x(value), y1: TOP, y2: bottom + 5 });
      const words = whole(value), over = x(value) + 4 * words.length > width;
      make(svg, "text", { class: over ? "tick end" : "tick middle", x: over ? width - 2 : x(value),
        y: bottom + 18 }, words);
    }
    make(svg, "text", { class: "axis middle", x: (LEFT + right) / 2, y: bottom + 36 }, "cycle");
    data.layers.forEach((layer, i) => {
      const end = i + 1 < data.layers.length ? data.layers[i + 1].first_cycle : data.cycles;
      if (end <= from || layer.first_cycle >= to) return;
      const a = x(layer.first_cycle), room = Math.floor((x(end) - a - 10) / 7);
      make(svg, "line", { class: "border", x1: a, x2: a, y1: 8, y2: bottom });
      if (room >= Math.min(6, layer.name.length)) {
        const name = layer.name.length > room ? layer.name.slice(0, room - 1) + "…" : layer.name;
        make(svg, "text", { class: "tick", x: a + 3, y: 16 }, name);
      }
    });
    engines.forEach((engine, row) => {
      const y = TOP + row * (LANE + GAP);
      make(svg, "text", { class: "axis", x: 6, y: y + LANE / 2 + 4 }, engine.name);
      make(svg, "rect", { class: "lane", x: LEFT, y, width: right - LEFT, height: LANE });
      const begin = first(engine.ends, from), end = first(engine.ends, to - 1);
      if (end - begin < MOST) slices(svg, engine, begin, end, x, y);
      else columns(svg, engine, begin, end, x, y, right - LEFT);
    });
    for (const overview of overviews) {  // where in the whole run
      const lanes = overview.querySelector(".lane"), last = [...overview.querySelectorAll(".lane")].pop();
      const [left, top, wide] = ["x", "y", "width"].map((name) => Number(lanes.getAttribute(name)));
      const low = Number(last.getAttribute("y")) + Number(last.getAttribute("height"));
      overview.querySelector(".chosen")?.remove();
      if (to - from < data.cycles) {
        make(overview, "rect", { class: "chosen", x: left + from / data.cycles * wide, y: top - 4,
          width: Math.max((to - from) / data.cycles * wide, 1), height: low - top + 8 });
      }
    }
    const seconds = (to - from) / data.machine.frequency_hz;
    const time = seconds < 1e-3 ? `${Number((1e6 * seconds).toPrecision(3))} µs` : `${Number((1e3 * seconds).toPrecision(3))} ms`;
    document.getElementById("range").textContent = `cycles ${whole(from)} to ${whole(to)} (${time})`;
  }

  function slices(svg, engine, begin, end, x, y) {
    for (let i = begin; i <= end; i++) {
      const kind = NAMES[engine.kinds[i]], start = i ? engine.ends[i - 1] : 0, stalled = STALLS.has(kind);
      if (kind === "idle") continue;
      const a = x(start), b = x(engine.ends[i]);
      const rect = make(svg, "rect", { class: stalled ? `${kind} wait` : kind, x: a, width: Math.max(b - a - (b - a > 4 ? 0.6 : 0), 0.2),
        y: stalled ? y + LANE * 0.7 : y, height: stalled ? LANE * 0.3 : LANE });
      make(rect, "title", {}, `${engine.name}: ${WORDS[kind]}, cycles ${whole(start)} to ` +
        `${whole(engine.ends[i] - 1)} (${whole(engine.ends[i] - start)}), ${data.layers[engine.layer[i]].name}`);
    }
  }

  function columns(svg, engine, begin, end, x, y, pixels) {  // too many: shares of each column
    const count = Math.floor(pixels / 2), wide = (to - from) / count;
    const kinds = Object.keys(WORDS), sums = kinds.map(() => new Float64Array(count));
    for (let i = begin; i <= end; i++) {
      const kind = kinds.indexOf(NAMES[engine.kinds[i]]);
      if (kind < 0) continue;
      const start = Math.max(i ? engine.ends[i - 1] : 0, from), stop = Math.min(engine.ends[i], to);
      const last = Math.min(Math.floor((stop - from) / wide), count - 1);
      for (let column = Math.floor((start - from) / wide); column <= last; column++) {
        const inside = Math.min(stop, from + (column + 1) * wide) - Math.max(start, from + column * wide);
        if (inside > 0) sums[kind][column] += inside;
      }
    }
    const floor = new Float64Array(count).fill(y + LANE);
    kinds.forEach((kind, k) => {
      let path = "";
      sums[k].forEach((sum, i) => {
        if (!sum) return;
        const high = LANE * sum / wide, a = x(from + i * wide).toFixed(2), b = x(from + (i + 1) * wide).toFixed(2);
        path += `M${a} ${floor[i].toFixed(2)}H${b}v${(-high).toFixed(2)}H${a}z`;
        floor[i] -= high;
      });
      if (path) make(make(svg, "path", { class: STALLS.has(kind) ? `${kind} wait` : kind, d: path }), "title", {}, `${engine.name}: ${WORDS[kind]}`);
    });
  }

  function show(a, b) {
    const least = Math.min(20, data.cycles), wide = Math.max(Math.min(b - a, data.cycles), least);
    from = Math.round(Math.min(Math.max(a, 0), data.cycles - wide));
    to = Math.round(from + wide);
    draw();
  }
  const choice = document.getElementById("layer");
  const chosen = () => {
    const i = Number(choice.value);
    if (i < 0) return show(0, data.cycles);
    const end = i + 1 < data.layers.length ? data.layers[i + 1].first_cycle : data.cycles;
    show(data.layers[i].first_cycle, end);
  };
  choice.addEventListener("change", chosen);
  const around = (by) => { const c = (from + to) / 2, h = (to - from) / 2 * by; show(c - h, c + h); };
  const moves = { in: () => around(0.5), out: () => around(2),
    left: () => show(from - (to - from) / 2, to - (to - from) / 2),
    right: () => show(from + (to - from) / 2, to + (to - from) / 2) };
  for (const [name, move] of Object.entries(moves)) document.getElementById(name).addEventListener("click", move);

  let start = null;
  const cycleAt = (event) => {
    const box = figure.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - 14 - LEFT);
    return from + Math.min(Math.max(share, 0), 1) * (to - from);
  };
  figure.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse") start = event; });
  figure.addEventListener("pointermove", (event) => {
    if (!start) return;
    const svg = figure.firstChild, box = figure.getBoundingClientRect();
    svg.querySelector(".chosen")?.remove();
    const a = Math.min(start.clientX, event.clientX) - box.left;
    make(svg, "rect", { class: "chosen", x: a, y: TOP - 6, width: Math.abs(event.clientX - start.clientX),
      height: 3 * (LANE + GAP) });
  });
  window.addEventListener("pointerup", (event) => {
    if (!start) return;
    const a = cycleAt(start), b = cycleAt(event), far = Math.abs(event.clientX - start.clientX) > 4;
    start = null;
    if (far) show(Math.min(a, b), Math.max(a, b));
  });
  figure.addEventListener("dblclick", () => { choice.value = "-1"; chosen(); });
  window.addEventListener("resize", draw);
  const wide = data.layers.map((layer, i) => (data.layers[i + 1]?.first_cycle ?? data.cycles) - layer.first_cycle);
  choice.value = String(wide.indexOf(Math.max(...wide)));
  chosen();
})();
