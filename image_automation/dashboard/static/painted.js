// Tells the style sheet that something has been painted: from then on every row is laid out, in sight or not.
requestAnimationFrame(() => setTimeout(() => document.documentElement.classList.add("painted")));
