"use strict";
// Charts: the library draws, zooms and shows values; this hands it the data and adds the keyboard.
const charts = JSON.parse(document.getElementById("charts").textContent);
const digits = (unused, value) => (value == null ? "–" : value.toFixed(4));

for (const box of document.querySelectorAll("[data-chart]")) {
  const chart = charts[box.dataset.chart];
  const series = chart.lines.map((line) => ({
    label: line.label, stroke: line.colour, width: chart.points ? 0 : 2, dash: line.dash, value: digits,
    paths: chart.points ? () => null : undefined, points: { show: chart.points, size: 7, fill: line.colour },
  }));
  const name = (unused, value) => (value == null ? "–" : chart.names ? chart.names[value] : value);
  // The legend draws a line as the chart does.
  const dash = (unused, index) => (chart.lines[index - 1].dash.length ? "dashed" : "solid");
  box.classList.toggle("lines", !chart.points);
  const options = {
    width: box.clientWidth, height: 280, legend: { live: true, markers: { dash } },
    scales: { x: { time: false }, y: { distr: chart.log ? 3 : 1 } },
    axes: [
      { label: chart.x, incrs: [1, 2, 5, 10, 20, 50], values: chart.names ? (unused, ticks) => ticks.map(() => "") : undefined },
      { size: 65 },
    ],
    series: [{ label: chart.x, value: name }, ...series],
  };
  const plot = new uPlot(options, [chart.at, ...chart.lines.map((line) => line.values)], box);
  window.addEventListener("resize", () => plot.setSize({ width: box.clientWidth, height: 280 }));
  const first = chart.at[0], last = chart.at[chart.at.length - 1];
  box.addEventListener("keydown", (event) => {
    const { min, max } = plot.scales.x;
    let index = plot.cursor.idx ?? 0;
    if (event.key === "ArrowRight") index = Math.min(index + 1, chart.at.length - 1);
    else if (event.key === "ArrowLeft") index = Math.max(index - 1, 0);
    else if (event.key === "0") plot.setScale("x", { min: first, max: last });
    else if (event.key === "+" || event.key === "-") {
      const middle = chart.at[index], half = ((max - min) / 2) * (event.key === "+" ? 0.5 : 2);
      plot.setScale("x", { min: Math.max(first, middle - half), max: Math.min(last, middle + half) });
    } else return;
    event.preventDefault();
    plot.setCursor({ left: plot.valToPos(chart.at[index], "x"), top: 10 });
  });
}

const reveal = document.getElementById("reveal");
if (reveal) {
  const stack = document.querySelector(".stack");
  reveal.addEventListener("input", () => stack.style.setProperty("--reveal", reveal.value + "%"));
}

// A table that is wider than the page says so, until it is scrolled to its end.
const tables = document.querySelectorAll(".scroll");
function mark(table) {
  const hidden = table.scrollWidth - table.clientWidth;
  table.classList.toggle("cut", hidden > 4);
  table.classList.toggle("end", hidden - table.scrollLeft < 4);
}
for (const table of tables) table.addEventListener("scroll", () => mark(table));
const markAll = () => tables.forEach(mark);
window.addEventListener("resize", markAll);
document.querySelectorAll("details").forEach((details) => details.addEventListener("toggle", markAll));
markAll();
