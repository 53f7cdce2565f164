// Asks the server every few seconds whether something has changed, fetches the page again if so, and counts ages on.
// Everything that is shown is rendered by the server: there is one place that knows how.
//
// The page is live only while it is sure of what it shows: each answer says which revision is the newest, and whoever
// does not have that one, or gets no such answer in time, is not live. It asks rather than listens: a browser opens six
// connections to a host, and a stream for each tab takes one of them for as long as the tab is open.
'use strict';
(() => {
  // Below a path without a slash at its end, what is asked for would be looked for beside the page.
  // A page with a path of its own says where the first one is.
  const root = document.body.dataset.root || '';
  if (!root && !location.pathname.endsWith('/')) {
    history.replaceState(history.state, '', `${location.origin}${location.pathname}/${location.search}${location.hash}`);
  }
  const EVERY = 2000; // how often a page asks that somebody looks at
  const EVERY_HIDDEN = 10000;
  const AGAIN = 1500; // how soon it asks again after a failure
  const PATIENCE = 5000; // how long an answer may take
  const GOOD_FOR = 7000; // how long an answer holds, counted from the question
  const GOOD_FOR_HIDDEN = 75000; // browsers wake pages in the background once a minute
  const SEARCH_PAUSE = 250;
  const MOVES_EVERY = 45000; // how soon a page is fetched again that moves with time, whatever the revision
  const connection = document.getElementById('connection');
  const form = document.getElementById('filter');
  document.documentElement.classList.add('script');
  let titled = document.title; // as the server wrote it
  let ahead = Date.parse(document.body.dataset.time) - Date.now(); // by how much the server's clock is ahead of this one
  // The server's own time in its newest answers: one that is told again was kept by something in between.
  const spoken = { page: document.body.dataset.time };
  let confirmed = null; // when the question was asked whose answer showed that the page is right
  const opened = instant();
  let shown = opened; // when what is shown was taken over
  let failure = ''; // why the last question was in vain; empty while none was
  let turn = 0; // counts questions: the answers to older ones are ignored
  let cancel = null;
  let underWay = null; // when the question was asked that has no answer yet
  let timer = 0;
  const folded = new Set(); // what somebody has folded or unfolded
  let wanted = false; // whether the page is to be fetched whatever the revision

  /** Two clocks: one is set by people, the other stands still in some browsers while the machine is suspended. */
  function instant() {
    return { wall: Date.now(), steady: performance.now() };
  }

  function since(then) {
    const now = instant();
    return Math.max(now.wall - then.wall, now.steady - then.steady);
  }

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
    say();
  }

  function say() {
    const age = since(confirmed || opened);
    const lost = failure !== '' || age > (document.hidden ? GOOD_FOR_HIDDEN : GOOD_FOR);
    const from = new Date((confirmed || opened).wall + ahead).toISOString().slice(11, 19);
    const why = failure || 'nothing was heard from the server';
    let text = confirmed ? '✓ live' : '… connecting';
    if (lost) text = `✕ not live since ${from} UTC: ${why}; what you see may be old`;
    if (connection.textContent !== text) connection.textContent = text;
    connection.classList.toggle('lost', lost);
    document.documentElement.classList.toggle('stale', lost);
    const title = lost ? `✕ not live: ${titled.replace(/^[✓✕…] /, '')}` : titled;
    if (document.title !== title) document.title = title;
  }

  /** Asks now, whatever was to come: one question is under way at a time. */
  function ask() {
    clearTimeout(timer);
    if (cancel) cancel();
    const mine = ++turn;
    const asked = instant();
    const finish = (why) => {
      if (mine !== turn) return;
      turn += 1; // whatever still comes of it is too late
      cancel();
      cancel = null;
      underWay = null;
      failure = why;
      if (!why) confirmed = asked;
      tick();
      const pause = why ? AGAIN : wanted ? SEARCH_PAUSE : document.hidden ? EVERY_HIDDEN : EVERY;
      clearTimeout(timer);
      timer = setTimeout(ask, pause * (0.8 + 0.4 * Math.random())); // not all pages at once
    };
    const aborter = typeof AbortController === 'function' ? new AbortController() : null;
    const late = setTimeout(() => finish('the server does not answer in time'), PATIENCE);
    cancel = () => {
      clearTimeout(late);
      if (aborter) aborter.abort();
    };
    const checkTurn = () => {
      if (mine !== turn) throw new Error('too late');
    };
    underWay = asked;
    confirm(aborter ? { signal: aborter.signal } : {}, checkTurn).then(() => finish(''), (error) => finish(told(error)));
  }

  /** Makes sure that what is shown is what the server knows now, or fails. */
  async function confirm(options, checkTurn) {
    if (!wanted && !isDetail()) {
      const news = JSON.parse(await read(`${root}api/v1/system`, 'application/json', options));
      checkTurn();
      if (typeof news.revision !== 'string') throw new Foreign();
      heard('system', news.time);
      age('relay-age', news.relay.last_snapshot);
      age('jump-age', news.jump.last_snapshot);
      age('book-age', news.book.manifest_at);
      const isStill = !('moves' in document.body.dataset) || since(shown) < MOVES_EVERY;
      if (news.revision === document.body.dataset.revision && isStill) return;
    }
    const address = location.href;
    const text = await read(address, 'text/html', options);
    checkTurn();
    const page = new DOMParser().parseFromString(text, 'text/html');
    const isOurs = page.querySelector('meta[name=application-name][content=status]') && page.body.dataset.revision;
    if (!isOurs) throw new Foreign();
    heard('page', page.body.dataset.time);
    show(page);
    if (address === location.href) wanted = false;
  }

  /** The page of an experiment has ages of its own streams, which each snapshot changes. */
  function isDetail() {
    return form === null && document.querySelector('main time') !== null;
  }

  /** What the server itself has answered: that an experiment is not known is an answer, too. */
  async function read(address, type, options) {
    const how = { headers: { accept: type }, cache: 'no-store', redirect: 'manual' };
    const answer = await fetch(address, Object.assign(how, options));
    if (answer.type === 'opaqueredirect') throw new Foreign();
    if (!answer.ok && answer.status !== 404) throw new Refused(`the answer is ${answer.status}`);
    if ((answer.headers.get('content-type') || '').split(';')[0].trim() !== type) throw new Foreign();
    return answer.text();
  }

  class Refused extends Error {}
  class Foreign extends Error {}

  function told(error) {
    if (error instanceof Refused) return error.message;
    if (error instanceof Foreign || error instanceof SyntaxError) return 'something else answers in its place, perhaps a login: reload';
    return 'the server cannot be reached';
  }

  /** The server has written this now, as its own time shows. */
  function heard(kind, time) {
    const stamp = Date.parse(time);
    if (Number.isNaN(stamp) || time === spoken[kind]) throw new Refused('the answer is an old one');
    spoken[kind] = time;
    ahead = stamp - Date.now();
  }

  function age(id, at) {
    const time = document.getElementById(id);
    if (time && at) time.dateTime = at;
  }

  // Takes over what has changed, and leaves alone what somebody uses.
  function show(page) {
    titled = page.title;
    shown = instant();
    document.body.dataset.revision = page.body.dataset.revision;
    const open = new Map([...document.querySelectorAll('details')].map((one) => [one.id, one.open]));
    const focus = document.activeElement;
    const place = focus && focus.closest('#live, #choices, #main') && focus.getAttribute('href');
    for (const id of ['live', 'choices', 'main']) {
      const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
      if (old && fresh) take(old, fresh);
    }
    // What somebody has folded or unfolded stays so; else a group unfolds once something of it is wrong.
    for (const one of document.querySelectorAll('details')) if (folded.has(one.id)) one.open = open.get(one.id);
    if (place && document.activeElement.getAttribute('href') !== place) {
      const again = [...document.querySelectorAll('#live a, #choices a, #main a')].find((a) => a.getAttribute('href') === place);
      if (again) again.focus({ preventScroll: true });
    }
  }

  // Changes as little as it can, so that what is selected, scrolled or read aloud stays so.
  function take(old, fresh) {
    if (old.isEqualNode(fresh) || isUsed(old)) return;
    if (old.nodeType === Node.TEXT_NODE) {
      old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const [had, has] = [[...old.childNodes], [...fresh.childNodes]];
    const isAlike = had.length === has.length && had.every((one, at) => isLike(one, has[at]));
    if (isAlike) had.forEach((one, at) => take(one, has[at]));
    else replace(old, had, has);
  }

  /** What has a name of its own stays where it was, so that nothing is lost that somebody types into it. */
  function replace(old, had, has) {
    const stays = (one) => one.id && has.find((other) => isLike(one, other));
    had.forEach((one) => stays(one) || one.remove());
    let next = old.firstChild;
    for (const one of has) {
      if (next && one.id && isLike(next, one)) {
        const kept = next;
        next = next.nextSibling;
        take(kept, one);
      } else old.insertBefore(one, next);
    }
    while (next) {
      const rest = next;
      next = next.nextSibling;
      rest.remove();
    }
  }

  function isLike(one, other) {
    return one.nodeName === other.nodeName && one.id === other.id;
  }

  /** Whether somebody is at a form, has typed something into it, or is to read what is wrong with that. */
  function isUsed(one) {
    if (one.nodeName !== 'FORM' || !one.classList.contains('tall')) return false;
    const changed = (field) => (field.nodeName === 'SELECT'
      ? [...field.options].some((option) => option.selected !== option.defaultSelected && field.selectedIndex > 0)
      : 'defaultValue' in field && field.value !== field.defaultValue);
    return one.classList.contains('refused') || one.contains(document.activeElement) || [...one.elements].some(changed);
  }

  document.addEventListener('click', (event) => {
    const summary = event.target.closest('summary');
    if (summary) folded.add(summary.parentElement.id);
  });

  function search() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) query.set(name, value);
    history.replaceState(null, '', `?${query}`);
    wanted = true;
    clearTimeout(timer);
    timer = setTimeout(ask, SEARCH_PAUSE);
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
  // Whoever comes back to the page, from elsewhere or from sleep, sees at once whether it is still sure.
  function comeBack() {
    tick();
    if (!underWay || since(underWay) > EVERY) ask();
  }
  for (const name of ['visibilitychange', 'resume']) document.addEventListener(name, comeBack);
  for (const name of ['pageshow', 'online', 'offline', 'focus']) window.addEventListener(name, comeBack);
  // A browser may show the page again as it was left. What it breaks off now is no failure of the server.
  window.addEventListener('pagehide', () => {
    clearTimeout(timer);
    turn += 1;
    if (cancel) cancel();
    underWay = null;
  });
  try {
    tick();
    ask();
    setInterval(tick, 1000);
  } catch (error) {
    connection.textContent = '✕ not live: this browser lacks what the page needs; reload it to see what is new';
  }
})();
