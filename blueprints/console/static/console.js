"use strict";
// A form is sent once, however often its button is pressed; without this script the service sees to that by itself.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
  for (const button of event.target.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
});
// Back from another page, it may be sent anew.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});
// What became of the last form is read out where a screen reader is at work.
document.querySelector(".said")?.focus();
