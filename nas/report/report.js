"use strict";
// Draws the figures as they come into view, and shows a candidate when its point or picture is clicked.
// What comes from the study is only ever set as text, or as an image of which a browser runs nothing.

const buttons = [["zoom2d", "pan2d", "resetScale2d", "toImage"]];
const labels = {value: "accuracy", macs: "MACs", memory: "memory, bytes"};
const wide = matchMedia("(min-width: 560px)");
const dark = matchMedia("(prefers-color-scheme: dark)");
let data;

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function element(tag, content = "", kind = "") {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.textContent = content;
  return made;
}

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function draw(plot) {
  const figure = data.figures[plot.dataset.figure];
  const font = {family: getComputedStyle(document.body).fontFamily, size: 12.5, color: ink("--ink")};
  const hover = {bgcolor: ink("--panel"), bordercolor: ink("--line"), font: {color: ink("--ink")}};
  const modebar = {bgcolor: "rgba(0,0,0,0)", color: ink("--line"), activecolor: ink("--grey")};
  const bar = wide.matches && figure.data[0].type !== "parcoords";
  const config = {responsive: true, displaylogo: false, displayModeBar: bar, modeBarButtons: buttons};
  Plotly.react(plot, figure.data, {...figure.layout, font, hoverlabel: hover, modebar}, config);
  if (!plot.dataset.drawn) {
    plot.on("plotly_click", ({points}) => show(points[0].customdata));
    plot.dataset.drawn = "yes";
  }
}

function picture(svg, said) {
  const image = element("img");
  image.alt = said;
  image.src = URL.createObjectURL(new Blob([svg], {type: "image/svg+xml"}));
  return image;
}

function rounded(number) {
  if (typeof number !== "number") return String(number);
  for (const [size, unit] of [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]])
    if (number >= 0.9995 * size) return Number((number / size).toPrecision(3)) + unit;
  return String(Number(number.toPrecision(4)));
}

// The values that were sampled, as the document they stand in: a level for each word of their names.
function outline(trial) {
  const lines = [];
  let before = [];
  data.parameters.forEach((name, index) => {
    if (!(index in trial.choices)) return;  // it was not active
    const words = name.split(".");
    let same = 0;
    while (same < words.length - 1 && words[same] === before[same]) same += 1;
    words.forEach((word, level) => {
      if (level < same) return;
      lines.push("  ".repeat(level) + word + ":" + (level === words.length - 1 ? " " + JSON.stringify(trial.choices[index]) : ""));
    });
    before = words;
  });
  return lines.join("\n");
}

function show(number) {
  const trial = data.trials[number];
  if (typeof number !== "number" || !trial) return;
  const dialog = document.getElementById("candidate");
  const cell = data.cells[number];
  const content = dialog.querySelector(".content");
  const facts = element("dl", "", "facts");
  for (const [name, value] of Object.entries(trial)) {
    if (name === "choices" || value === null) continue;
    facts.append(element("dt", labels[name] ?? name), element("dd", name === "value" ? value.toFixed(4) : rounded(value)));
  }
  dialog.querySelector("h2").textContent = "Trial " + number;
  content.replaceChildren(facts);
  if (cell) {
    for (const line of cell.sketch) content.append(element("p", line, "sketch"));
    content.append(picture(cell.picture, cell.sketch.join("; ")), element("h3", "Document"), element("pre", cell.document));
  } else {
    content.append(element("h3", "What was sampled"), element("pre", outline(trial)));
    content.append(element("p", `Its whole document: python -m nas show ${data.study} ${number}`, "said"));
  }
  dialog.showModal();
  dialog.scrollTop = 0;
}

function fillGallery() {
  const gallery = document.getElementById("cells");
  for (const number of gallery ? data.gallery : []) {
    const trial = data.trials[number];
    const card = element("button", "", "card");
    const frame = element("div", "", "frame");
    const line = element("p");
    frame.append(picture(data.cells[number].cell, data.cells[number].sketch[0]));
    line.append(element("b", trial.value.toFixed(4)));
    line.append(` trial ${number}, ${rounded(trial.parameters)} parameters, ${rounded(trial.macs)} MACs`);
    card.type = "button";
    card.append(frame, line);
    card.addEventListener("click", () => show(number));
    gallery.append(card);
  }
}

function switchTabs() {
  for (const tabs of document.querySelectorAll(".tabs")) {
    const buttons = [...tabs.querySelectorAll("button")];
    const choose = (chosen) => buttons.forEach((button) => {
      button.setAttribute("aria-pressed", String(button === chosen));
      document.getElementById(button.dataset.shows).hidden = button !== chosen;
    });
    buttons.forEach((button) => button.addEventListener("click", () => choose(button)));
    choose(buttons[0]);
  }
}

async function main() {
  switchTabs();
  const [library, packed] = await Promise.all([unpacked("plotly"), unpacked("data")]);
  data = JSON.parse(packed);
  fillGallery();
  document.head.append(element("script", library));
  const plots = [...document.querySelectorAll(".plot")];
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }, {rootMargin: "400px"});
  plots.forEach((plot) => seen.observe(plot));
  dark.addEventListener("change", () => plots.filter((plot) => plot.dataset.drawn).forEach(draw));
  document.getElementById("candidate").addEventListener("click", (event) => {
    if (event.target.id === "candidate") event.target.close();  // the ground behind it
  });
}

main();
