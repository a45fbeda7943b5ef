// Words each time on the page as an age, or as how far off it is, and keeps the words true. Without this the times stand there in full.
const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

function age(seconds) {
  if (seconds < 5 && seconds > -5) return "just now";
  const [, unit, word] = STEPS.find(([limit]) => Math.abs(seconds) < limit);
  const amount = `${Math.floor(Math.abs(seconds) / unit)} ${word}`;
  return seconds < 0 ? `in ${amount}` : `${amount} ago`;
}

export function word(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const then = Date.parse(time.dateTime);
    if (Number.isNaN(then)) continue;
    time.title ||= time.textContent;
    time.textContent = age((Date.now() - then) / 1000);
  }
}

word();
setInterval(word, 10000);
document.addEventListener("dashboard:changed", () => word());
