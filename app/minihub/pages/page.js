// Keeps a page up to date: the server sends its live parts, rendered by the
// same templates, whenever one of them changes. A part in which somebody
// types, or presses a button, is left alone until they are done.
const root = document.querySelector("[data-events]");
if (root) {
  const shown = {};
  let latest = "";
  let pressed = false;

  const dirty = (f) => (f.type === "checkbox" ? f.checked !== f.defaultChecked : f.value !== f.defaultValue);
  const busy = (part) => {
    const at = document.activeElement;
    if (part.contains(at) && at.matches("input, textarea, select")) return true;
    return (pressed && part.contains(pressed)) || [...part.querySelectorAll("input, textarea")].some(dirty);
  };
  const refresh = (fresh) => {
    const name = fresh.dataset.live;
    const html = fresh.outerHTML;
    const old = root.querySelector(`[data-live="${CSS.escape(name)}"]`);
    if (!old || (shown[name] ?? old.outerHTML) === html || busy(old)) return;
    shown[name] = html;
    for (const d of old.querySelectorAll("details[open][id]")) fresh.querySelector(`#${CSS.escape(d.id)}`)?.setAttribute("open", "");
    const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
    old.replaceWith(fresh);
    if (focused) fresh.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  };
  const apply = () => {
    const t = document.createElement("template");
    t.innerHTML = latest;
    for (const fresh of [...t.content.querySelectorAll("[data-live]")]) refresh(fresh);
  };

  const events = new EventSource(root.dataset.events);
  events.onmessage = (e) => {
    latest = JSON.parse(e.data);
    apply();
  };
  root.addEventListener("focusout", () => setTimeout(apply));
  root.addEventListener("pointerdown", (e) => { pressed = e.target; });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => { pressed = false; setTimeout(apply); });
  }
}

// The viewer switches as soon as one is chosen.
document.querySelector(".viewer select")?.addEventListener("change", (e) => e.target.form.requestSubmit());
