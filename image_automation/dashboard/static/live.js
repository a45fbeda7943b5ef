// Keeps the page true: takes what the server sends when something has changed, and tells how fresh the page is.
// A hidden tab listens to nothing, since a browser opens few connections to one server.
const main = document.getElementById("main");
const pill = document.getElementById("pill");
const BEAT = 15000;
let source = null;
let seen = main.dataset.digest;
let heard = Date.now();

function tell(state, text) {
  pill.hidden = false;
  if (pill.dataset.state === state && pill.textContent === text) return;
  pill.dataset.state = state;
  pill.textContent = text;
}

const isSame = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && (old.id || "") === (fresh.id || "");

function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeName === "TIME" && old.dateTime === fresh.dateTime) return;
  if (old.matches("input, textarea, select") && old === document.activeElement) return;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "tabindex") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morphChildren(old, fresh);
}

// Text between elements comes and goes with the template's line breaks: what follows it may be the element wanted.
function pastText(at, wanted) {
  let next = at;
  while (next?.nodeType === Node.TEXT_NODE) next = next.nextSibling;
  if (!next || !isSame(next, wanted)) return at;
  while (at !== next) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
  return next;
}

function morphChildren(old, fresh) {
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = wanted.id ? named.get(wanted.id) : null;
    if (known && known !== at && isSame(known, wanted)) old.insertBefore(known, at);
    if (wanted.nodeType === Node.ELEMENT_NODE && !wanted.id) at = pastText(at, wanted);
    const here = known && isSame(known, wanted) ? known : at;
    if (here && isSame(here, wanted)) {
      const row = here.matches?.(".row") && !here.isEqualNode(wanted) ? here.textContent : null;
      morph(here, wanted);
      if (row !== null && row !== here.textContent) flash(here);
      at = here.nextSibling;
    } else {
      old.insertBefore(wanted, at);
      if (wanted.matches?.(".row")) flash(wanted);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function flash(row) {
  row.classList.add("changed");
  setTimeout(() => row.classList.remove("changed"), 1600);
}

function parse(event) {
  const fresh = document.createElement("template");
  fresh.innerHTML = event.data;
  return fresh.content;
}

function showRows(event) {
  for (const wanted of parse(event).children) {
    const here = document.getElementById(wanted.id);
    if (!here) continue;
    morph(here, wanted);
    flash(here);
  }
  done(event);
}

function show(event) {
  morphChildren(main, parse(event));
  done(event);
}

function done(event) {
  seen = event.lastEventId;
  main.dataset.digest = seen;
  document.dispatchEvent(new CustomEvent("dashboard:changed"));
}

function beat(event) {
  heard = Date.now();
  const { behind } = JSON.parse(event.data);
  if (behind) tell("behind", `behind ${behind} s`);
  else tell("live", "live");
}

function listen() {
  if (source || document.hidden) return;
  const address = new URL(location.href);
  address.hash = "";
  address.searchParams.set("_seen", seen);
  source = new EventSource(address);
  source.addEventListener("page", show);
  source.addEventListener("rows", showRows);
  source.addEventListener("beat", beat);
  source.addEventListener("bye", () => location.reload());
}

function rest() {
  source?.close();
  source = null;
}

if (main.dataset.digest) {
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", listen);
  setInterval(() => {
    if (document.hidden) return;
    if (Date.now() - heard > 2 * BEAT) tell("stale", `stale for ${Math.round((Date.now() - heard) / 1000)} s`);
    if (source?.readyState === EventSource.CLOSED) rest();
    listen();
  }, 5000);
  listen();
}
