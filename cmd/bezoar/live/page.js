"use strict";
// Each event fills the region that it is named after. A region that has not changed is
// left alone, so that a screen reader does not say it twice.
const link = document.getElementById("link");
const live = new EventSource("events");
for (const region of document.querySelectorAll("[data-live]")) {
  live.addEventListener(region.id, (event) => {
    const next = document.createElement("template");
    next.innerHTML = event.data;
    if (next.innerHTML !== region.innerHTML) {
      region.replaceChildren(next.content);
    }
  });
}
const tell = (state, text) => {
  link.dataset.link = state;
  link.textContent = text;
};
live.onopen = () => tell("live", "live");
live.onerror = () => tell("lost", "The program does not answer. This is what it said last.");
