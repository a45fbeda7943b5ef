// Everything by keyboard: "/" searches, "?" tells the keys, j and k walk the rows, g and a letter goes to a page.
const places = Object.fromEntries([...document.querySelectorAll("nav a[data-key]")].map((link) => [link.dataset.key, link.href]));
const help = document.getElementById("keys");
const search = document.getElementById("search");
let going = false;

function isWriting(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function walk(step) {
  const rows = [...document.querySelectorAll("main .row")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement.closest(".row"));
  const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step))];
  row.tabIndex = -1;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === search) search.blur();
  if (isWriting(event.target)) return;
  if (going) {
    going = false;
    if (places[event.key]) location.assign(places[event.key]);
    return;
  }
  const row = document.activeElement.closest(".row");
  if (event.key === "/") search.focus();
  else if (event.key === "?") help.open ? help.close() : help.showModal();
  else if (event.key === "j") walk(1);
  else if (event.key === "k") walk(-1);
  else if (event.key === "g") going = true;
  else if (event.key === "Enter" && row === document.activeElement) row?.querySelector("a")?.click();
  else return;
  event.preventDefault();
});

// Where there is no room for all pages in the bar, the present one is in sight.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
