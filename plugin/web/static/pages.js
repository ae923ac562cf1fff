// Comfort only: every page works without this file.
"use strict";

document.querySelectorAll(".script-only").forEach((part) => { part.hidden = false; });

// A list narrows while one types.
document.querySelectorAll("input[data-narrows]").forEach((input) => {
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    document.querySelectorAll("table." + input.dataset.narrows + " tbody tr").forEach((row) => {
      row.hidden = wanted !== "" && !(row.dataset.text || row.textContent).toLowerCase().includes(wanted);
    });
    document.querySelectorAll("section").forEach((section) => {
      const rows = section.querySelectorAll("table." + input.dataset.narrows + " tbody tr");
      if (rows.length) { section.hidden = [...rows].every((row) => row.hidden); }
    });
  });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); } });
});

// A filter takes effect when it is chosen.
document.querySelectorAll("form.filters select").forEach((select) => {
  select.addEventListener("change", () => { select.form.requestSubmit(); });
});

// A verdict on an alert by one key: on the one that has the focus, or else on the first.
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) { return; }
  const here = (event.target instanceof Element && event.target.closest("section")) || document;
  const form = here.querySelector("form.verdict") || document.querySelector("form.verdict");
  const button = form && form.querySelector('button[data-key="' + CSS.escape(event.key) + '"]');
  if (button) { event.preventDefault(); button.click(); }
});

// "/" goes to the search, as elsewhere.
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const find = document.getElementById("find");
    if (find) { event.preventDefault(); find.focus(); }
  }
});

// How long a text is, while one types; spaces count as they will stand, once each.
document.querySelectorAll("[data-counts]").forEach((told) => {
  const field = document.getElementById(told.dataset.counts);
  const most = Number(told.dataset.most);
  const tell = () => {
    const length = [...field.value.trim().replace(/\s+/g, " ")].length;
    told.textContent = `${length} of ${most} characters, plain text` + (length > most ? `: ${length - most} too many` : "");
    told.classList.toggle("too-many", length > most);
  };
  if (field) { field.addEventListener("input", tell); tell(); }
});

// One field into the clipboard; where there is none, the text is marked for the keyboard.
document.querySelectorAll("[data-copies]").forEach((button) => {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    const words = button.firstChild;
    let done = true;
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      done = false;
    }
    words.textContent = done ? "Copied" : "Marked: press Ctrl+C";
    setTimeout(() => { words.textContent = "Copy"; }, 2500);
  });
});

// What a map shows where one points: a spectrum of the marshal, or the nearest of the archive.
document.querySelectorAll(".map-of").forEach((figure) => {
  const svg = figure.querySelector("svg.map");
  const told = figure.querySelector(".told");
  const data = document.querySelector("script.map-archive");
  const archive = data ? JSON.parse(data.textContent) : [];
  const near = 14;
  let marked = null;
  const say = (point) => {
    if (marked) { marked.classList.remove("here"); }
    marked = point;
    point.classList.add("here");
    const link = document.createElement("a");
    link.href = point.getAttribute("href");
    link.textContent = point.getAttribute("aria-label");
    told.replaceChildren(link);
  };
  const place = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [at.x, at.y];
  };
  const look = (event) => {
    const [x, y] = place(event);
    let best = null;
    let least = near * near;
    svg.querySelectorAll("a.point circle").forEach((circle) => {
      const far = (circle.cx.baseVal.value - x) ** 2 + (circle.cy.baseVal.value - y) ** 2;
      if (far < least) { least = far; best = circle.parentNode; }
    });
    if (best) { say(best); return; }
    for (const [a, b, name, label] of archive) {
      const far = (a - x) ** 2 + (b - y) ** 2;
      if (far < least) { least = far; best = `${name}: ${label}, archive`; }
    }
    if (best) { told.textContent = best; }
  };
  svg.addEventListener("pointermove", look);
  svg.addEventListener("focusin", (event) => { const point = event.target.closest("a.point"); if (point) { say(point); } });
  svg.addEventListener("click", (event) => {
    // A finger cannot hover: the first tap tells, and what it tells is a link.
    if (event.pointerType === "touch") { event.preventDefault(); look(event); }
  });
});
