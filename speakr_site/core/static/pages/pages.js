// Nothing here is needed: without scripts, text is selected by hand and a form can be sent twice.
"use strict";

// <button type="button" hidden data-copy="ID OF A FIELD" data-copied="WHAT THEN STANDS ON IT">
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Only pages over https, and of this machine, have a clipboard; others an old command.
      document.execCommand("copy");
    }
    button.textContent = button.dataset.copied;
  });
}

for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
    }
    form.dataset.sent = "yes";
  });
}
// Back from where the form led: it may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
  }
});
