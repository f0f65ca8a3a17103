// Asks for the page anew every half minute, while somebody looks at it and is
// not writing into it, and puts what has changed in its place. Without it, the
// page is the same, and reloaded by hand.
'use strict';

const every = 30_000;

async function renew() {
  const busy = document.hidden || document.activeElement?.closest('form') || !getSelection().isCollapsed;
  if (!busy) {
    try {
      const answer = await fetch(location.href, { cache: 'no-store' });
      const type = answer.headers.get('content-type') ?? '';
      if (type.startsWith('text/html')) {
        replace(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      }
    } catch {
      // The daemon does not answer: what is there stays, with the time that it names.
      document.getElementById('reading')?.classList.add('old');
    }
  }
  setTimeout(renew, every);
}

function replace(page) {
  const open = [...document.querySelectorAll('details')].map((d) => d.open);
  page.querySelectorAll('details').forEach((d, i) => { d.open = open[i] ?? d.open; });
  const focused = document.activeElement?.getAttribute('href');
  for (const part of ['header', 'main', 'footer']) {
    const now = document.querySelector(part);
    const next = page.querySelector(part);
    if (now && next && now.innerHTML !== next.innerHTML) {
      now.replaceChildren(...next.childNodes);
    }
  }
  if (focused && document.activeElement === document.body) {
    document.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}

setTimeout(renew, every);
