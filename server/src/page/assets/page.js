// Fetches the page again when the server says that something has changed, and counts ages on.
// Everything that is shown is rendered by the server: there is one place that knows how.
'use strict';
(() => {
  const SILENCE = 15000; // the server speaks every 5 s, whatever happens
  const PAUSE = 1000; // not more often than this is the page fetched
  const connection = document.getElementById('connection');
  const form = document.getElementById('filter');
  document.documentElement.classList.add('script');
  let ahead = 0; // by how much the server's clock is ahead of this one
  let heard = 0; // when the server spoke last
  const opened = Date.now();
  const patience = Math.random() * 5000; // not all pages at once
  let stream = null;
  let tried = 0; // when it was last asked for
  let fetching = false;
  let wanted = false;
  let timer = 0;

  function span(seconds) {
    const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
    let first = units.findIndex(([, size]) => seconds >= size);
    if (first < 0) first = units.length - 1;
    const [unit, size] = units[first];
    const whole = `${Math.floor(seconds / size)} ${unit}`;
    const next = units[first + 1];
    if (!next || next[1] === 1 || seconds % size < next[1]) return whole;
    return `${whole} ${Math.floor((seconds % size) / next[1])} ${next[0]}`;
  }

  function tick() {
    const now = Date.now() + ahead;
    for (const time of document.querySelectorAll('time')) {
      const text = span(Math.max(0, Math.floor((now - Date.parse(time.dateTime)) / 1000)));
      if (time.textContent !== text) time.textContent = text;
    }
    const silent = Date.now() - (heard || opened) > SILENCE;
    const since = clock((heard || opened) + ahead);
    if (silent && Date.now() - tried > SILENCE + patience) listen();
    say(silent ? `✕ Not connected since ${since}: what you see may be old` : heard ? '✓ live' : '… connecting', silent);
  }

  function clock(millis) {
    return `${new Date(millis).toISOString().slice(11, 19)} UTC`;
  }

  function say(text, lost) {
    if (connection.textContent !== text) connection.textContent = text;
    connection.classList.toggle('lost', lost);
  }

  function told(message) {
    heard = Date.now();
    const system = JSON.parse(message.data);
    ahead = Date.parse(system.time) - Date.now();
    age('relay-age', system.relay.last_snapshot);
    age('jump-age', system.jump.last_snapshot);
    age('book-age', system.book.manifest_at);
    if (system.revision !== document.body.dataset.revision) refresh();
    else if (form === null && document.querySelector('main time')) refresh(PAUSE);
  }

  function age(id, at) {
    const time = document.getElementById(id);
    if (time && at) time.dateTime = at;
  }

  function refresh(pause = PAUSE / 4) {
    wanted = true;
    if (!fetching && !timer) timer = setTimeout(fetchPage, document.hidden ? 5 * PAUSE : pause);
  }

  async function fetchPage() {
    timer = 0;
    wanted = false;
    fetching = true;
    try {
      const limit = AbortSignal.timeout(SILENCE);
      const answer = await fetch(location.href, { headers: { accept: 'text/html' }, signal: limit });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      if (page.body.dataset.revision) show(page);
      else wanted = true; // too much to do, or the proxy answers: again
    } catch {
      // The server is gone, which the stream finds out, too.
    }
    fetching = false;
    if (wanted) timer = setTimeout(fetchPage, 2 * PAUSE);
  }

  // Takes over what has changed, and leaves alone what somebody uses.
  function show(page) {
    document.title = page.title;
    document.body.dataset.revision = page.body.dataset.revision;
    const open = new Set([...document.querySelectorAll('details[open]')].map((one) => one.id));
    const focus = document.activeElement;
    const place = focus && focus.closest('#live, #main') && focus.getAttribute('href');
    for (const id of ['live', 'main']) {
      const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
      if (old && fresh) take(old, fresh);
    }
    for (const one of document.querySelectorAll('details')) one.open = open.has(one.id);
    if (place && document.activeElement.getAttribute('href') !== place) {
      const again = [...document.querySelectorAll('#live a, #main a')].find((a) => a.getAttribute('href') === place);
      if (again) again.focus({ preventScroll: true });
    }
    tick();
  }

  // Changes as little as it can, so that what is selected, scrolled or read aloud stays so.
  function take(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType === Node.TEXT_NODE) {
      old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const [had, has] = [[...old.childNodes], [...fresh.childNodes]];
    const isAlike = had.length === has.length && had.every((one, at) => one.nodeName === has[at].nodeName);
    if (isAlike) had.forEach((one, at) => take(one, has[at]));
    else old.replaceChildren(...has);
  }

  function search() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) query.set(name, value);
    history.replaceState(null, '', `?${query}`);
    refresh();
  }

  // A browser gives up where the server refuses, as it does when too many listen, and it does not notice a
  // connection that is lost on the way. So whoever hears nothing for long tries anew.
  function listen() {
    if (stream) stream.close();
    tried = Date.now();
    stream = new EventSource('api/v1/stream');
    stream.addEventListener('system', told);
  }

  if (form) {
    form.addEventListener('input', search);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      search();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key !== '/' || event.target.matches('input, select, textarea')) return;
      event.preventDefault();
      form.elements.q.focus();
    });
  }
  listen();
  tick();
  setInterval(tick, 1000);
})();
