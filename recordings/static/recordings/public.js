// Jumps the player to a line's time. Without this script, the line's link opens the audio there.
"use strict";

const player = document.querySelector("audio");

document.addEventListener("click", (click) => {
  const link = click.target.closest("a[data-start]");
  if (!link || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
  click.preventDefault();
  player.currentTime = Number(link.dataset.start);
  // It cannot play once the link has ended; the player shows that by itself.
  player.play().catch(() => {});
});
