// Keeps the page up to date: the server sends the regions that changed, rendered as it rendered the page.
import { children } from "./morph.js";

const LOST_AFTER_MS = 3000;
const contact = document.getElementById("contact");
let heard = performance.now();

function say(state, text) {
  document.body.dataset.contact = state;
  contact.dataset.state = state;
  if (contact.textContent !== text) contact.textContent = text;
}

function take(event) {
  const { at, title, regions } = JSON.parse(event.data);
  heard = performance.now();
  for (const [id, html] of Object.entries(regions)) {
    const region = document.getElementById(id);
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    if (region) children(region, fresh.content);
  }
  document.documentElement.dataset.at = at;
  document.title = title;
  say("live", "live");
}

// The browser tries again by itself after a broken connection, but not after a refusal.
function listen() {
  const source = new EventSource("/events");
  source.addEventListener("regions", take);
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, LOST_AFTER_MS);
  });
}

listen();

setInterval(() => {
  const silent = performance.now() - heard;
  if (silent > LOST_AFTER_MS) say("lost", `no contact for ${Math.round(silent / 1000)} s`);
}, 500);
