
"use strict";
// Days are written so that they compare as texts do.
const today = new Date().toISOString().slice(0, 10);
const late = (row) => row.dataset.due.split(" ").filter((due) => due !== "" && due < today).length;
const followUps = [...document.querySelectorAll("#follow-ups tbody tr")];
followUps.filter((row) => late(row) > 0).forEach((row) => row.classList.add("is-late"));
document.getElementById("overdue").textContent = String(followUps.filter((row) => late(row) > 0).length);

const rows = [...document.querySelectorAll("#documents tbody tr")];
for (const row of rows) {
  row.querySelector(".late").textContent = late(row) > 0 ? String(late(row)) : "";
}
const filters = [...document.querySelectorAll("[data-filter]")];
function holds(row, filter) {
  const wanted = filter.value;
  if (wanted === "") return true;
  if (filter.dataset.filter === "text") return row.textContent.toLowerCase().includes(wanted.toLowerCase());
  return row.dataset[filter.dataset.filter] === wanted;
}
function show() {
  for (const row of rows) row.hidden = !filters.every((filter) => holds(row, filter));
  const count = rows.filter((row) => !row.hidden).length;
  document.getElementById("shown").textContent = `${count} of ${rows.length}`;
}
document.getElementById("filters").addEventListener("input", show);
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
show();
