"use strict";
// The pages work without this: it adds what comes after they were loaded.
(() => {
  const $ = (id) => document.getElementById(id);

  // A run that goes on: fetch its page again and take the new state from it.
  const run = $("run");
  if (run && run.hasAttribute("data-live")) {
    const again = async () => {
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const next = fresh.getElementById("run");
        if (answer.ok && next) {
          const here = $("run");
          const open = [...here.querySelectorAll("details")].map((d) => d.open);
          here.replaceWith(next);
          next.querySelectorAll("details").forEach((d, i) => { d.open = !!open[i]; });
          document.title = fresh.title;
        }
      } catch { /* the server is away; the next try may find it */ }
      if ($("run").hasAttribute("data-live")) setTimeout(again, 2000);
    };
    setTimeout(again, 2000);
    return;
  }

  // A job that goes on: rows of the log come as server-sent events.
  const log = $("log");
  if (!log || !log.hasAttribute("data-live") || !window.EventSource) return;
  const rows = $("rows"), live = $("live"), follow = $("follow");
  const mostRows = 50000;
  let following = false;
  live.hidden = follow.hidden = false;
  // The last row stands for a line that may not have ended when the page was
  // made: the stream sends that line again.
  const from = $("end").dataset.from;
  let partial = null;
  const last = rows.lastElementChild;
  if (last) {
    const [offset, line] = from.split("-");
    if (last.id === "L" + line || last.id === "B" + offset) partial = last;
  }

  const setFollowing = (on) => {
    following = on;
    follow.setAttribute("aria-pressed", String(on));
    if (on) scrollTo(0, document.documentElement.scrollHeight);
  };
  follow.addEventListener("click", () => setFollowing(!following));
  addEventListener("wheel", (e) => { if (e.deltaY < 0) setFollowing(false); }, { passive: true });
  addEventListener("touchmove", () => setFollowing(false), { passive: true });

  const put = (html, ended) => {
    if (partial) partial.remove();
    rows.insertAdjacentHTML("beforeend", html);
    partial = ended ? null : rows.lastElementChild;
    const none = $("nolog");
    if (none) none.remove();
    while (rows.childElementCount > mostRows) rows.firstElementChild.remove();
    if (following) scrollTo(0, document.documentElement.scrollHeight);
  };
  // What stands between back quotes is code, the rest is text.
  const sentence = (place, text) => {
    const parts = text.split("`");
    place.replaceChildren(...(parts.length % 2 ? parts : [text]).map((part, i) => {
      if (i % 2 === 0) return part;
      const code = document.createElement("code");
      code.textContent = part;
      return code;
    }));
  };
  const show = (data) => {
    const s = JSON.parse(data);
    $("badge").textContent = s.label;
    $("badge").className = "badge " + s.class;
    sentence($("detail"), s.detail || "");
    if (s.took) $("took").textContent = s.took;
    document.title = document.title.replace(/^[^·]*/, s.label + " ");
  };

  const stream = new EventSource(log.dataset.events + "?from=" + encodeURIComponent(from));
  stream.addEventListener("open", () => { live.textContent = "live"; live.className = ""; });
  stream.addEventListener("lines", (e) => put(e.data, true));
  stream.addEventListener("partial", (e) => put(e.data, false));
  stream.addEventListener("reset", () => { rows.textContent = ""; partial = null; });
  stream.addEventListener("state", (e) => show(e.data));
  stream.addEventListener("end", (e) => {
    stream.close();
    show(e.data);
    live.hidden = follow.hidden = true;
  });
  stream.addEventListener("error", () => {
    live.className = "off";
    live.textContent = stream.readyState === EventSource.CLOSED ? "not live: reload the page" : "connecting again";
  });
})();
