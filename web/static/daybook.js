// Comfort on top of pages that work without it: pages turn without a reload,
// events open in a dialog, keys and swipes, and an open calendar keeps itself
// current. Everything is an ordinary link or form underneath; any failure here
// falls back to following it.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = () => $("#main");
  const wide = () => matchMedia("(min-width:700px)").matches;
  const say = (text) => { const live = $("dialog[open]>[role=status]") || $("#live"); live.textContent = ""; setTimeout(() => { live.textContent = text; }, 60); };

  // fetchPage returns the page at url as a document, or null where only a
  // real navigation will do: signed out, somebody else signed in, another
  // version of Daybook, an error.
  const whose = (page) => [page.documentElement.lang, $(".menu p", page)?.textContent, ...all('[src^="/static/"],[href^="/static/"]', page).map((e) => e.outerHTML)].join();
  const fetchPage = async (url, { unattended, body } = {}) => {
    const answer = await fetch(url, {
      method: body ? "POST" : "GET", body, cache: unattended ? "reload" : "default", headers: unattended ? { "Daybook-Unattended": "1" } : {},
      credentials: "same-origin", signal: AbortSignal.timeout?.(20000),
    });
    const type = answer.headers.get("Content-Type") || "";
    // The session has ended: what it showed must go, and only a person begins another.
    if (answer.status === 401 && unattended) location.replace("/?return_to=" + encodeURIComponent(place()));
    if (!answer.ok || !type.startsWith("text/html")) return null;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if ($(".menu", page) && whose(page) !== whose(document)) return unattended ? location.reload() : null;
    return { url: answer.url, page };
  };

  const place = () => location.pathname + location.search;
  // What only the clock changes in a page is no news.
  const news = (page) => $("#main", page).outerHTML.replace(/ data-stale="[^"]*"|class="now [^"]*"/g, "");
  let rendered = Date.now(), shown = place(), came = news(document);

  // Who cannot be shown what is new is told of when the old is.
  const stale = () => {
    const text = $(".cal")?.dataset.stale;
    if (!text || $(".stale")) return false;
    const note = document.createElement("p");
    note.className = "toast stale";
    note.textContent = text;
    $(".cal").append(note);
    say(text);
    return true;
  };

  // Turning pages. Who turns on before a page has come is led on from there.
  let turning = 0, queue = [];
  const show = (page) => {
    came = news(page);
    for (const part of ["#main", ".bar nav"]) $(part).replaceWith(document.adoptNode($(part, page)));
    document.title = page.title;
    rendered = Date.now();
    shown = place();
    travel();
  };
  // renew shows a page where the same is: what is open, in sight and in focus
  // stays, on the same link or on what is in the same place.
  const nameOf = (details) => [details.closest("[aria-labelledby]")?.getAttribute("aria-labelledby"), details.parentElement.className, $("summary", details).textContent].join();
  const renew = (page) => {
    const focus = document.activeElement, href = focus.getAttribute("href"), label = focus.getAttribute("aria-label"), kin = all(focus.localName), at = kin.indexOf(focus);
    const scroll = [scrollX, scrollY], side = $(".side")?.scrollTop;
    const opened = new Set(all("details[open]", main()).map(nameOf));
    show(page);
    for (const details of all("details", main())) details.open = opened.has(nameOf(details));
    scrollTo(...scroll);
    if (side) $(".side").scrollTop = side;
    const now = all(focus.localName);
    const again = label && $(`[aria-label="${CSS.escape(label)}"]`) || !href && now[at] || now.length === kin.length && now[at].getAttribute("href") === href && now[at] || $(`a[href="${CSS.escape(href)}"]`);
    if (again && again !== document.body) {
      if (focus.hasAttribute("tabindex")) again.tabIndex = -1;
      again.focus({ preventScroll: true });
    }
  };
  const turn = async (url, push, { keep, post } = {}) => {
    const mine = ++turning;
    main().setAttribute("aria-busy", "true");
    let got = null, offline = false;
    try { got = await (post ? fetchPage(post.to, post) : fetchPage(url)); } catch { offline = true; }
    if (mine !== turning) return;
    if (!got || !$(".bar nav", got.page)) {
      queue = [];
      main().removeAttribute("aria-busy");
      // Once a note will do; after that let the browser say what is wrong.
      if (!offline || !push && !post || !stale()) post ? post.plainly() : location.assign(url);
      return;
    }
    if (push && got.url !== location.href) history.pushState({}, "", got.url);
    const hours = $(".grid"), top = scrollY, key = document.activeElement.dataset.key;
    if (keep) renew(got.page); else show(got.page);
    const rel = queue.shift(), heading = $("h1", main());
    if (rel) return turn($(`a[rel=${rel}]`).href, true);
    if (keep) { if (push) say(heading.textContent.trim()); return; }
    if (heading) heading.tabIndex = -1;
    const focus = key && $(`[data-key="${CSS.escape(key)}"]`) || heading;
    if (focus) focus.focus({ preventScroll: true });
    if (heading) say(heading.textContent.trim());
    // The same hours stay in sight from week to week.
    if (push) { if (wide() && hours && $(".grid")) scrollTo(0, top); else { scrollTo(0, 0); toNow(); } }
  };

  // What is now is in sight at first: the hour in a grid, the day in a list.
  const toNow = () => {
    const now = $(wide() ? ".grid .now" : ".grid .today");
    if (!now || scrollY) return;
    const { top } = now.getBoundingClientRect();
    if (!wide() || top > innerHeight * 0.75) scrollTo(0, top - (wide() ? innerHeight / 3 : 60));
  };

  // Far from home, times as they are there.
  const travel = () => {
    const note = $(".travel"), here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const clock = (timeZone) => new Date().toLocaleString("en", { timeZone });
    try { if (!note || sessionStorage.stays || clock(here) === clock(note.dataset.zone)) return; } catch { return; } // a zone that is new
    const there = new URL(location.href);
    there.searchParams.set("tz", here);
    $("a", note).href = there;
    note.hidden = false;
  };

  // An event in a dialog, under its own address: closing it is going back.
  let peek = null;
  const unpeek = () => {
    if (!peek) return;
    const { dialog, link } = peek;
    peek = null;
    dialog.remove();
    link.focus({ preventScroll: true });
  };
  const openDialog = async (link) => {
    // A page on its way gives way; closing then fetches what the address names.
    const href = link.getAttribute("href"), mine = ++turning, left = main().hasAttribute("aria-busy");
    queue = [];
    main().removeAttribute("aria-busy");
    let got = null;
    link.classList.add("busy");
    try { got = await fetchPage(href); } catch { /* below */ }
    link.classList.remove("busy");
    if (mine !== turning || peek) return;
    const article = got && $("article.event", got.page);
    if (!article) { location.assign(href); return; }
    const dialog = document.createElement("dialog");
    dialog.className = "peek";
    dialog.setAttribute("aria-labelledby", "event-title");
    const status = document.createElement("p");
    status.className = "vh";
    status.setAttribute("role", "status");
    dialog.append(document.adoptNode(article), status);
    document.body.append(dialog);
    peek = { dialog, link, over: left || location.href };
    history.pushState({}, "", href);
    shown = place();
    dialog.addEventListener("close", () => { if (peek) history.back(); });
    // A click beside it closes, and begins there: selecting may end there, and a double click.
    let beside = false;
    const out = ({ clientX: x, clientY: y }, r = dialog.getBoundingClientRect()) => x < r.left || x > r.right || y < r.top || y > r.bottom;
    dialog.addEventListener("pointerdown", (e) => { beside = out(e); });
    dialog.addEventListener("click", (e) => { if (e.target === dialog && beside && e.detail < 2 && out(e)) dialog.close(); });
    dialog.showModal();
  };
  addEventListener("popstate", () => {
    if (place() === shown) return; // only the fragment is another
    shown = place();
    const closed = peek && peek.over === location.href;
    unpeek();
    if (!closed) turn(location.href, false);
  });

  // What is open over the page: on narrow screens what was folded is in it.
  const menus = () => all(wide() ? "details.menu[open],.more [open]" : "details.menu[open]");
  const plain = (e) => e.button === 0 && !e.metaKey && !e.ctrlKey && !e.shiftKey && !e.altKey && !e.defaultPrevented;
  document.addEventListener("click", (e) => {
    for (const menu of menus()) if (!menu.contains(e.target)) menu.open = false;
    const link = e.target.closest && e.target.closest("a,button");
    if (!link) return;
    if (link.dataset.copy) { navigator.clipboard.writeText(link.dataset.copy).then(() => { link.textContent = link.dataset.done; say(link.dataset.done); }); return; }
    if (link.matches(".travel button")) { sessionStorage.stays = 1; link.parentElement.hidden = true; return; }
    if (link.matches("button") || !plain(e) || link.origin !== location.origin || link.target) return;
    if (link.matches(".skip")) { e.preventDefault(); main().focus(); return; }
    if (link.closest("dialog.peek") && link.matches("[data-close]")) { e.preventDefault(); peek.dialog.close(); return; }
    if (link.matches(".cal .ev a") && window.HTMLDialogElement) { e.preventDefault(); openDialog(link); return; }
    if (link.matches("[data-turn]") && !link.closest("dialog")) {
      e.preventDefault();
      if (link.rel && main().hasAttribute("aria-busy")) { queue.push(link.rel); return; }
      queue = [];
      turn(link.href, true, { keep: !!link.closest(".mini caption") });
    }
  });
  // A calendar's switch shows the same page with or without it, one after the
  // other: each answer brings the settings that the next is sent with.
  let switched = Promise.resolve();
  document.addEventListener("submit", (e) => {
    const form = e.target, by = e.submitter;
    if (form.method !== "post") return;
    if (by && form.closest(".cals")) {
      e.preventDefault();
      const to = by.formAction, body = new URLSearchParams([[by.name, by.value]]);
      const plainly = () => {
        const form = $(".cals form"), input = document.createElement("input");
        if (!form) return;
        [form.action, input.type, input.name, input.value] = [to, "hidden", by.name, by.value];
        form.append(input);
        form.submit();
      };
      switched = switched.then(() => {
        body.set("return_to", place()); // a page may have been turned meanwhile, or an event opened
        return peek ? fetchPage(to, { body }) : turn(location.href, false, { keep: true, post: { to, body, plainly } });
      }).catch(plainly);
      return;
    }
    // What is on its way is not sent again.
    if (Date.now() - form.sent < 10000) e.preventDefault(); else form.sent = Date.now();
  });
  addEventListener("pageshow", () => { for (const form of document.forms) form.sent = 0; });
  // What a narrow column cuts off is said in full under the mouse.
  document.addEventListener("mouseover", (e) => {
    const link = e.target.closest(".cal .ev a");
    if (link && !link.title) link.title = link.textContent.replace(/\s+/g, " ").trim();
  });

  // Keys: whatever on the page names a key in data-key is pressed by it.
  const help = () => {
    const dialog = document.createElement("dialog");
    dialog.className = "peek keys";
    const list = document.createElement("dl"), title = document.createElement("h2");
    title.textContent = document.body.dataset.keys;
    list.className = "facts";
    for (const el of all("[data-key]")) {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      for (const key of el.dataset.key.split(" ")) {
        const kbd = document.createElement("kbd");
        kbd.textContent = { ArrowLeft: "←", ArrowRight: "→" }[key] || key;
        dt.append(kbd, " ");
      }
      dd.textContent = el.getAttribute("aria-label") || el.textContent.trim();
      list.append(dt, dd);
    }
    dialog.append(title, list);
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", () => dialog.close());
    dialog.setAttribute("aria-label", document.body.dataset.keys);
    dialog.showModal();
  };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") for (const menu of menus()) { menu.open = false; $("summary", menu).focus(); }
    if (!document.body.hasAttribute("data-keys") || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.shiftKey && e.key.startsWith("Arrow")) return;
    if ($("dialog[open]") || e.target.closest("input,textarea,select,[contenteditable]")) return;
    if (e.key === "?") { e.preventDefault(); help(); return; }
    const target = all("[data-key]").find((el) => el.dataset.key.split(" ").includes(e.key));
    if (!target) return;
    e.preventDefault();
    if (e.repeat && main().hasAttribute("aria-busy")) return; // held down, it would run far ahead
    const box = target.closest("main details");
    if (box) box.open = true;
    if (target.matches("input")) target.focus(); else target.click();
  });

  // Swipes turn pages on a phone.
  let touch = null;
  document.addEventListener("touchstart", (e) => {
    touch = e.touches.length === 1 && e.target.closest(".pane") ? { x: e.touches[0].clientX, y: e.touches[0].clientY } : null;
  }, { passive: true });
  document.addEventListener("touchend", (e) => {
    if (!touch) return;
    const dx = e.changedTouches[0].clientX - touch.x, dy = e.changedTouches[0].clientY - touch.y;
    touch = null;
    if (Math.abs(dx) < 70 || Math.abs(dx) < 2.5 * Math.abs(dy)) return;
    const link = $(dx < 0 ? "a[rel=next]" : "a[rel=prev]");
    if (link) link.click();
  }, { passive: true });

  // Who has chosen no view yet gets the agenda on a narrow screen.
  const narrow = $(".cal[data-narrow]");
  if (narrow && !wide()) { history.replaceState({}, "", narrow.dataset.narrow); turn(narrow.dataset.narrow, false); }
  travel();
  if (performance.getEntriesByType("navigation")[0]?.type === "navigate") toNow();

  // Keeping an open calendar current.

  const events = (root) => new Map(all(".h-event", root).map((el) =>
    [($(".u-url", el) || el).textContent.replace(/\s+/g, " ").trim() + " " + ($(".u-url", el) || el).getAttribute("href"), ($(".p-name", el) || el).textContent.trim()]));
  const refresh = async () => {
    // Whoever is reading something opened, or typing, is not interrupted.
    if (!$(".cal .pane") || $("dialog[open]") || $("main details[open] .fold") || $("details.menu[open]") || document.activeElement.matches("input,select,textarea") || main().hasAttribute("aria-busy")) return;
    const url = location.href, mine = turning;
    let got = null;
    try { got = await fetchPage(url, { unattended: true }); } catch { /* below */ }
    if (got === null) stale();
    if (!got || url !== location.href || mine !== turning || $("dialog[open]") || !$(".cal", got.page)) return;
    if (news(got.page) === came) {
      $(".stale")?.remove();
      $(".cal").dataset.stale = $(".cal", got.page).dataset.stale;
      return;
    }
    const before = events(document), after = events(got.page);
    const changed = new Set();
    for (const [key, name] of after) if (!before.has(key)) changed.add(name);
    for (const [key, name] of before) if (!after.has(key)) changed.add(name);
    renew(got.page);
    if (changed.size) say($(".cal").dataset.changed + " " + [...changed].slice(0, 5).join(", "));
  };
  let asked = Date.now();
  const tick = () => {
    for (const line of all(".now")) line.style.transform = `translateY(calc(${(Date.now() - rendered) / 300000} * var(--u)))`;
    if (document.visibilityState === "visible" && Date.now() - asked >= 55000) { asked = Date.now(); refresh(); }
  };
  setInterval(tick, 10000);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && Date.now() - asked > 10000) { asked = Date.now(); refresh(); }
  });
})();
