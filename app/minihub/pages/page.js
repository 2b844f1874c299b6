// Keeps a pull request's page up to date: the server sends the part between
// <main> and </main>, rendered by the same template, whenever it changes.
const live = document.getElementById("live");
if (live) {
  const events = new EventSource(live.dataset.events);
  events.onmessage = (e) => {
    const focused = document.activeElement?.getAttribute("aria-label");
    live.innerHTML = JSON.parse(e.data);
    if (focused) live.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  };
}
