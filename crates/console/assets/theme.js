// The theme: as the system has it, light, or dark. Kept in a cookie, so that the server can render it
// and no page flashes; cookies don't know ports, so both pages share it.
const themes = ["auto", "light", "dark"];
const button = document.querySelector("[data-theme-switch]");
const root = document.documentElement;

function show() {
  button.textContent = `theme: ${root.dataset.theme}`;
}

button.addEventListener("click", () => {
  const next = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
  root.dataset.theme = next;
  document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=strict`;
  show();
});
button.hidden = false;
show();
