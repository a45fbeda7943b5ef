// Words each time on the page as an age, and keeps the words true. Without this the times stand there in full.
const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

function age(seconds) {
  if (seconds < 5) return "just now";
  const [, unit, word] = STEPS.find(([limit]) => seconds < limit);
  return `${Math.floor(seconds / unit)} ${word} ago`;
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
