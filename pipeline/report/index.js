
"use strict";
const form = document.querySelector(".filters");
const body = document.querySelector(".rows tbody");
const rows = [...body.rows];
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

function matches(row, wanted, words) {
  return Object.entries(wanted).every(([name, value]) => !value || row.dataset[name] === value)
    && words.every((word) => texts.get(row).includes(word));
}

function apply() {
  const { words, order, ...wanted } = Object.fromEntries(new FormData(form));
  const sought = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !matches(row, wanted, sought);
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById("shown").textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  document.getElementById("none").hidden = shown > 0;
  const sign = { low: 1, high: -1 }[order] ?? 0;
  body.append(...[...rows].sort((a, b) => sign * (a.dataset.percent - b.dataset.percent)));
}

form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
apply(); // the browser may have restored the choices of an earlier visit
