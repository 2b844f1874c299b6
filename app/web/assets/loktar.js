"use strict";
// The pages work without this: it adds what comes after they were loaded.
(() => {
  const $ = (id) => document.getElementById(id);

  const icon = (href) => { document.querySelector("link[rel=icon]").href = href; };

  // What is the same stays, so that what has the focus, is selected or is open
  // does too.
  const become = (old, next) => {
    if (old.isEqualNode(next)) return;
    if (old.nodeName !== next.nodeName || old.childNodes.length !== next.childNodes.length || !next.hasChildNodes()) return old.replaceWith(next);
    for (const { name } of [...old.attributes]) if (name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) if (name !== "open") old.setAttribute(name, value);
    const to = [...next.childNodes];
    [...old.childNodes].forEach((child, i) => become(child, to[i]));
  };

  // Times are those of UTC; the reader's own shows beside the pointer.
  document.addEventListener("pointerover", (e) => {
    if (e.target.localName === "time") e.target.title = new Date(e.target.dateTime).toLocaleString();
  });

  // Clipboards are for pages that came by https, or from this machine.
  if (navigator.clipboard) {
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(button.dataset.copy);
          button.textContent = "Copied";
        } catch { button.textContent = "Not copied"; }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
    }
  }

  // A run that goes on: fetch its page again and take the new state from it.
  const run = $("run");
  if (run && run.hasAttribute("data-live")) {
    const again = async () => {
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const next = fresh.getElementById("run");
        if (answer.ok && next) {
          become($("run"), next);
          document.title = fresh.title;
          icon(fresh.querySelector("link[rel=icon]").href);
        }
      } catch { /* the server is away; the next try may find it */ }
      if ($("run").hasAttribute("data-live")) setTimeout(again, 2000);
    };
    setTimeout(again, 2000);
    return;
  }

  // The rows of a log make sections: each step with what it printed, up to the
  // next. A section tells how long it took and how it ended, and can be folded.
  const log = $("log");
  if (!log) return;
  const rows = $("rows");
  let step = null; // the row of the step that is being gone through
  const took = (ms) => {
    const s = Math.round(ms / 1000);
    if (ms < 9950) return (ms / 1000).toFixed(1) + " s";
    return s < 60 ? s + " s" : s < 3600 ? Math.floor(s / 60) + " min " + (s % 60) + " s" : Math.floor(s / 3600) + " h " + Math.round(s % 3600 / 60) + " min";
  };
  const time = (row) => Date.parse(row.children[1].title.replace(" ", "T").replace(" UTC", "Z"));
  const tell = (row, text, bad) => {
    let b = row.querySelector(":scope > b");
    if (!b) row.append(b = document.createElement("b"));
    b.textContent = text;
    if (bad) b.className = "bad";
  };
  const ended = (by) => {
    if (!step) return;
    const span = took(time(by) - time(step));
    tell(step, step.dataset.exit ? "exited with " + step.dataset.exit + " after " + span : span, step.dataset.exit);
  };
  const gone = (row) => row.classList.contains("step") ? row : row.classList.contains("end") ? null : step;
  const sections = (row) => {
    for (; row; row = row.nextElementSibling) {
      const kind = row.classList;
      if (kind.contains("remark") && step) {
        const code = / exited with (\d+)\./.exec(row.lastElementChild.textContent);
        if (code) step.dataset.exit = code[1];
      }
      if (kind.contains("step") || kind.contains("end")) ended(row);
      step = gone(row);
      if (row !== step && step && step.dataset.folded) kind.add("folded");
      const head = row.querySelector(":scope > span");
      if (row === step && !head.hasAttribute("role")) {
        head.setAttribute("role", "button");
        head.setAttribute("aria-expanded", "true");
        head.tabIndex = 0;
      }
    }
  };
  const fold = (row) => {
    const folded = row.dataset.folded = row.dataset.folded ? "" : "1";
    row.querySelector(":scope > span").setAttribute("aria-expanded", String(!folded));
    for (let r = row.nextElementSibling; r && !r.classList.contains("step") && !r.classList.contains("end"); r = r.nextElementSibling) {
      r.classList.toggle("folded", !!folded);
    }
  };
  const folds = (e) => {
    const head = e.target.closest(".l.step > span[role]");
    if (!head || String(getSelection())) return;
    if (e.type === "keydown") {
      if (e.key !== "Enter" && e.key !== " ") return;
      e.preventDefault();
    }
    fold(head.parentElement);
  };
  rows.addEventListener("click", folds);
  rows.addEventListener("keydown", folds);
  sections(rows.firstElementChild);

  // The address names a line, or lines from one to another: #L10-L20. A click
  // on a number with Shift held extends what is named.
  const named = () => /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash);
  const marks = () => {
    for (const row of rows.querySelectorAll(".marked")) row.classList.remove("marked");
    const at = named(), none = $("noline");
    none.hidden = true;
    if (!at) return;
    const [from, to] = [+at[1], +(at[2] || at[1])].sort((a, b) => a - b);
    let row = $("L" + from);
    if (!row) {
      none.textContent = "Line " + from + " is not among those shown here; it is in the raw log.";
      none.hidden = log.hasAttribute("data-live");
      return;
    }
    if (row.classList.contains("folded")) {
      let head = row;
      while (head && !head.classList.contains("step")) head = head.previousElementSibling;
      if (head) fold(head);
    }
    if (at[2]) row.scrollIntoView({ block: "center" });
    for (let n = from; row && n <= to; n++, row = row.nextElementSibling) row.classList.add("marked");
  };
  rows.addEventListener("click", (e) => {
    const number = e.target.closest(".l > a"), at = named();
    if (!number || !e.shiftKey || !at || !number.hash.startsWith("#L")) return;
    e.preventDefault();
    history.replaceState(null, "", "#L" + at[1] + "-" + number.hash.slice(1));
    marks();
  });
  addEventListener("hashchange", marks);
  marks();

  // The way to where a job failed is that to the line which says so.
  const failure = $("failure"), failed = [...rows.querySelectorAll(".l.remark")].findLast((row) => / exited with [1-9]\d*\./.test(row.lastElementChild.textContent));
  if (failure && failed) {
    failure.href = "#" + failed.id;
    failure.hidden = false;
  }

  // A job that goes on: rows of the log come as server-sent events.
  if (!log.hasAttribute("data-live") || !window.EventSource) return;
  const live = $("live"), follow = $("follow");
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

  const put = (html, whole) => {
    if (partial) partial.remove();
    const before = rows.lastElementChild;
    rows.insertAdjacentHTML("beforeend", html);
    sections(before ? before.nextElementSibling : rows.firstElementChild);
    partial = whole ? null : rows.lastElementChild;
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
    icon(document.querySelector("link[rel=icon]").href.replace(/loktar(-[a-z]+)?\.svg/, "loktar-" + s.class + ".svg"));
    sentence($("detail"), s.detail || "");
    if (s.took) $("took").textContent = s.took;
    document.title = document.title.replace(/^[^·]*/, s.label + " ");
  };

  const stream = new EventSource(log.dataset.events + "?from=" + encodeURIComponent(from));
  stream.addEventListener("open", () => { live.textContent = "live"; live.className = ""; });
  stream.addEventListener("lines", (e) => put(e.data, true));
  stream.addEventListener("partial", (e) => put(e.data, false));
  stream.addEventListener("reset", () => { rows.textContent = ""; partial = step = null; });
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
