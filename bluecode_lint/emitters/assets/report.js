"use strict";
// Filters, searches and moves about a report. Nothing here reads from or writes to anywhere but this page.

const $ = (id) => document.getElementById(id);
const items = Array.from(document.querySelectorAll(".result"));
const bodies = JSON.parse($("bodies").textContent);
const filters = { level: $("f-level"), proof: $("f-proof"), state: $("f-state"), cwe: $("f-cwe"), file: $("f-file") };
const words = new Map(items.map((item) => [item, item.querySelector("summary").textContent.toLowerCase()]));

// --- filtering -------------------------------------------------------------------------------------------------------

const PAGE = 300; // rows laid out at a time: thousands at once make every keystroke wait
let limit = PAGE;
let scheduled = 0;

function schedule() {
  limit = PAGE;
  cancelAnimationFrame(scheduled);
  scheduled = requestAnimationFrame(apply);
}

function apply() {
  const wanted = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = Object.entries(filters).filter(([, select]) => select.value);
  let matching = 0;
  for (const item of $("results").children) {
    const fits =
      chosen.every(([key, select]) => item.dataset[key] === select.value) &&
      wanted.every((word) => words.get(item).includes(word));
    matching += fits;
    item.hidden = !fits || matching > limit;
  }
  $("count").textContent = `${matching} of ${items.length} match`;
  $("nothing").hidden = matching > 0;
  $("more").hidden = matching <= limit;
}

function showMore() {
  limit += PAGE;
  apply();
}

function clear() {
  $("search").value = "";
  for (const [key, select] of Object.entries(filters)) select.value = key === "state" ? "live" : "";
  schedule();
}

$("search").addEventListener("input", schedule);
$("clear").addEventListener("click", clear);
$("more").addEventListener("click", showMore);
for (const select of Object.values(filters)) select.addEventListener("change", schedule);
for (const button of document.querySelectorAll(".pick")) {
  button.addEventListener("click", () => {
    filters[button.dataset.key].value = button.dataset.value;
    schedule();
    $("tools").scrollIntoView();
    $("search").focus({ preventScroll: true });
  });
}

$("sort").addEventListener("change", () => {
  const key = $("sort").value;
  const order = items.slice().sort((a, b) => a.dataset[key] - b.dataset[key]);
  $("results").append(...order);
  schedule();
});

// --- details, made when first opened ---------------------------------------------------------------------------------

function fill(details) {
  const body = details.querySelector(".body");
  if (body.childElementCount === 0 && bodies[body.dataset.index] !== undefined) {
    body.innerHTML = bodies[body.dataset.index]; // escaped where it was made; the page's policy runs no inline script
  }
}
$("results").addEventListener("toggle", (event) => event.target.open && event.target.matches(".result > details") && fill(event.target), true);

// --- keyboard --------------------------------------------------------------------------------------------------------

function move(step) {
  const visible = Array.from($("results").children).filter((item) => !item.hidden);
  if (visible.length === 0) return;
  const current = visible.indexOf(document.activeElement.closest(".result"));
  if (step > 0 && current === visible.length - 1 && !$("more").hidden) {
    showMore();
    move(step);
    return;
  }
  const next = current < 0 ? (step > 0 ? 0 : visible.length - 1) : Math.min(visible.length - 1, Math.max(0, current + step));
  visible[next].querySelector("summary").focus({ preventScroll: true });
  visible[next].scrollIntoView({ block: "nearest" });
}

const keys = {
  "/": () => $("search").focus(),
  j: () => move(1),
  k: () => move(-1),
  o: () => {
    const item = document.activeElement.closest(".result");
    if (item) item.firstElementChild.open = !item.firstElementChild.open;
  },
  t: toggleTheme,
  "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.key === "Escape") {
    clear();
    document.activeElement.blur();
    return;
  }
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Enter" && event.target.id === "search") {
      event.preventDefault(); // or the row that gets the focus would be opened by the same key
      move(1);
    }
    return;
  }
  const action = keys[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});

// --- looks -----------------------------------------------------------------------------------------------------------

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}
$("theme").addEventListener("click", toggleTheme);
$("keys").addEventListener("click", () => $("help").showModal());

function openTarget() {
  const item = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (item && item.matches(".result")) {
    item.hidden = false;
    item.firstElementChild.open = true;
    item.scrollIntoView();
  }
}
addEventListener("hashchange", openTarget);
apply();
openTarget();
