
"use strict";
// Keeps the page up to date: fetches it again and takes over what has changed, so that scrolling,
// focus, selections and opened details stay as they are.  Only while somebody can see it.
(() => {
  const PERIOD = 2000; // ms from an answer to the next question
  const PATIENCE = 5000; // ms for an answer
  const SLOWEST = 30000; // ms between questions when there are no answers

  const lost = document.getElementById("lost");
  let timer = 0;
  let asking = false;
  let failures = 0;

  // ---- taking over what is different ----

  const theirs = (node) => node.id !== "lost" && node.nodeName !== "NOSCRIPT";

  const key = (node) =>
    node.nodeName + (node.nodeType === Node.ELEMENT_NODE ? "/" + (node.dataset.k ?? "") : "");

  function takeAttributes(old, fresh) {
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    for (const { name, value } of fresh.attributes)
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }

  // Those that stay are never moved if only others come and go between them: moving takes the focus.
  function takeChildren(old, fresh) {
    const wanted = [...fresh.childNodes].filter(theirs);
    const keys = new Set(wanted.map(key));
    for (const node of [...old.childNodes]) if (theirs(node) && !keys.has(key(node))) node.remove();
    let at = old.firstChild;
    for (const node of wanted) {
      while (at && !theirs(at)) at = at.nextSibling;
      let found = at;
      while (found && !(theirs(found) && key(found) === key(node))) found = found.nextSibling;
      if (!found) {
        old.insertBefore(document.importNode(node, true), at);
        continue;
      }
      if (found === at) at = at.nextSibling;
      else old.insertBefore(found, at);
      take(found, node);
    }
    while (at) {
      const next = at.nextSibling;
      if (theirs(at)) at.remove();
      at = next;
    }
  }

  function take(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    takeAttributes(old, fresh);
    takeChildren(old, fresh);
  }

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const parts = ["header", "main", "footer", "link[rel=icon]"];
    const found = parts.map((part) => fresh.querySelector(part));
    if (found.includes(null)) throw new Error("not the status page");
    document.title = fresh.title;
    parts.forEach((part, i) => take(document.querySelector(part), found[i]));
  }

  // ---- asking ----

  async function ask() {
    const answer = await fetch("./", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw Object.assign(new Error(), { told: `Refused with ${answer.status}` });
    show(await answer.text());
  }

  // What is shown is old news from here on ("" for words: no more).
  function say(words) {
    if (lost.textContent === words) return; // a reader is told once
    lost.textContent = words;
    lost.hidden = !words;
    document.documentElement.toggleAttribute("data-lost", words !== "");
    if (words) document.title = document.title.replace(/^[^\u00b7]*/, "No connection ");
  }

  function next(delay) {
    clearTimeout(timer);
    timer = document.hidden ? 0 : setTimeout(round, delay);
  }

  async function round() {
    if (asking) return;
    asking = true;
    try {
      await ask();
      failures = 0;
      say("");
    } catch (error) {
      failures++;
      const what = error.told ?? "No connection";
      const since = document.querySelector("header time")?.textContent; // by the pod's clock
      say(`${what} since ${since ?? "?"} UTC: below is what was known then. Trying again.`);
    }
    asking = false;
    next(Math.min(PERIOD * 2 ** failures, failures ? SLOWEST : PERIOD));
  }

  document.addEventListener("visibilitychange", () => next(0));
  next(PERIOD);
})();
