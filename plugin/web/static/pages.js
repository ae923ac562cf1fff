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
