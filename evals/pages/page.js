"use strict";
// Sorting: a click on a heading puts the largest first, another one the smallest, a third one the first order.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const first = [...body.rows];
  const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  headings.forEach((heading, column) => {
    const button = heading.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const next = { descending: "ascending", ascending: "none" }[heading.getAttribute("aria-sort")] || "descending";
      for (const other of headings) other.removeAttribute("aria-sort");
      if (next !== "none") heading.setAttribute("aria-sort", next);
      const way = next === "descending" ? -1 : 1;
      const value = (row) => parseFloat(row.cells[column].dataset.order ?? "NaN");
      const sorted = next === "none" ? first : [...first].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        return Number.isNaN(x) || Number.isNaN(y) ? Number.isNaN(x) - Number.isNaN(y) : way * (x - y);
      });
      body.append(...sorted);
    });
  });
}
// Picking out: pointing at a system shows it alone; a click on its name keeps it, another one lets it go.
for (const chart of document.querySelectorAll(".chart")) {
  let kept = null;
  const show = (system) => {
    const focus = system ?? chart.dataset.focus;
    chart.classList.toggle("dims", system !== null);
    for (const part of chart.querySelectorAll("svg [data-s]")) part.classList.toggle("is-on", part.dataset.s === focus);
  };
  const under = (event) => event.target.closest?.("[data-s]")?.dataset.s ?? null;
  chart.addEventListener("pointerover", (event) => show(under(event) ?? kept));
  chart.addEventListener("pointerleave", () => show(kept));
  chart.addEventListener("focusin", (event) => show(under(event) ?? kept));
  chart.addEventListener("focusout", () => show(kept));
  for (const chip of chart.querySelectorAll(".chips button")) {
    chip.addEventListener("click", () => {
      kept = kept === chip.dataset.s ? null : chip.dataset.s;
      for (const other of chart.querySelectorAll(".chips button")) {
        other.setAttribute("aria-pressed", String(other.dataset.s === kept));
      }
      show(kept);
    });
  }
  show(null);
}
// A printed page has everything open.
window.addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not(.figures)")) part.open = true;
});
