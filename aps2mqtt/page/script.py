"""The script of the page: it lets ages grow, marks old values and loads the page again. Pure.

It asks nobody for anything: the page is loaded again as a whole, while somebody can see it. That also replaces a copy
which the browser has kept. The script keeps what the reader has opened and how far a wide roof is scrolled; the browser
itself keeps its own scroll position.
"""

import json

from aps2mqtt.base.elapsed import UNITS

AGAIN = 60  # seconds after which the page is loaded again

_HEAD = f"""\
"use strict";
(() => {{
  const AGAIN = {AGAIN}, STEP = 5, KEY = "aps2mqtt"; // seconds; the key of what is kept
  const UNITS = {json.dumps(UNITS)};
"""
_BODY = """\
  const loaded = Date.now(), title = document.title;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const set = (element, words) => { if (element.textContent !== words) element.textContent = words; };
  const words = (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    const [unit, length] = UNITS.find(([, length, most]) => whole < length * most) || ["days", 86400];
    return `${Math.floor(whole / length)} ${unit} ago`;
  };
  const age = () => {
    const now = Date.now() / 1000;
    for (const one of all("[data-since]")) set(one, words(now - one.dataset.since));
    const late = new Set();
    for (const mark of all("[data-overdue]")) {
      mark.hidden = now <= mark.dataset.overdue;
      if (!mark.hidden) late.add(mark.dataset.of);
    }
    for (const one of all("[data-ecu]")) one.classList.toggle("late", late.has(one.dataset.ecu));
    document.title = late.size ? `old: ${title}` : title;
    return late.size > 0;
  };
  const served = location.protocol !== "file:";
  const reads = () => document.hidden || String(getSelection());
  const reachable = () => !served || navigator.onLine;
  const store = (work) => { try { return work(sessionStorage); } catch { return null; } }; // it may be forbidden
  const keep = () => store((kept) => kept.setItem(KEY, JSON.stringify({
    open: all("details").map((one) => one.open), left: all(".wide").map((one) => one.scrollLeft),
  })));
  const again = () => {
    if (Date.now() - loaded <= AGAIN * 1000 || reads() || !reachable()) return;
    keep();
    location.reload();
  };
  const kept = store((all) => JSON.parse(all.getItem(KEY))) || {};
  all("details").forEach((one, at) => { one.open = Boolean(kept.open && kept.open[at]); });
  all(".wide").forEach((one, at) => { one.scrollLeft = (kept.left && kept.left[at]) || 0; });
  const renew = () => { age(); again(); };
  const [came] = performance.getEntriesByType("navigation");
  // An old page may be a copy that the browser has kept (Home Assistant allows 31 days): it is asked for once more.
  if (age() && served && came && came.type !== "reload" && reachable()) location.reload();
  setInterval(renew, STEP * 1000);
  addEventListener("visibilitychange", renew);
  addEventListener("pageshow", renew);
})();
"""
SCRIPT = _HEAD + _BODY
