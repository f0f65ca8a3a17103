// Drives one Chromium for the tests. It serves on the loopback interface: GET /ready answers when the browser is up,
// and POST /visit makes the visit that the JSON of its body describes and answers what was seen. The keys are those of
// Visit and Seen in browser.go.
//
//   node driver.mjs PORT CHROMIUM
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { chromium } from 'playwright-core';

const [port, executablePath] = process.argv.slice(2);
const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

const browser = await chromium.launch({
  executablePath,
  args: [
    '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
    // No name is looked up, whatever a page asks for and however it asks.
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  ],
});

// Playwright closes the browser at SIGTERM; we end with it.
browser.on('disconnected', () => process.exit());

const server = createServer(async (request, response) => {
  if (request.url === '/ready') {
    response.end('ready\n');
    return;
  }
  try {
    const seen = await Promise.race([make(JSON.parse(await text(request))), overdue()]);
    response.end(JSON.stringify(seen));
  } catch (e) {
    response.writeHead(500).end(String(e.message));
  }
});
server.listen(Number(port), '127.0.0.1');

function overdue() {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('the visit takes longer than two minutes')), 120_000).unref();
  });
}

async function make(visit) {
  const seen = { requests: [], console: [], policy: [], dialogs: [] };
  const context = await browser.newContext({
    viewport: { width: visit.width, height: visit.height },
    colorScheme: visit.dark ? 'dark' : 'light',
    javaScriptEnabled: !visit.noScripts,
    reducedMotion: 'reduce',
    serviceWorkers: 'block',
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  try {
    await watch(context, visit, seen);
    const page = await context.newPage();
    const answer = await page.goto(visit.url, { waitUntil: visit.noScripts ? 'load' : 'networkidle' });
    seen.status = answer?.status() ?? 0;
    for (const act of visit.acts ?? []) {
      await perform(page, act);
    }
    if (visit.print) {
      await page.emulateMedia({ media: 'print' });
    }
    seen.url = page.url();
    seen.title = await page.title();
    Object.assign(seen, await page.evaluate(look, visit.count ?? []));
    if (visit.axe) {
      seen.violations = await judge(page);
    }
    if (visit.screenshot) {
      await page.screenshot({ path: visit.screenshot, fullPage: !visit.firstScreen });
    }
    if (visit.pdf) {
      seen.plots = await page.evaluate(markPlots);
      await page.pdf({ path: visit.pdf, format: 'A4', preferCSSPageSize: true, printBackground: true });
    }
    return seen;
  } finally {
    await context.close();
  }
}

// watch notes in seen what pages ask for, say and are refused, and keeps them from asking another host.
async function watch(context, visit, seen) {
  const { host } = new URL(visit.url);
  await context.route('**/*', (route) => {
    const url = new URL(route.request().url());
    seen.requests.push(url.href);
    return url.host === host ? route.continue() : route.abort();
  });
  await context.routeWebSocket(/.*/, (socket) => {
    seen.requests.push(socket.url());
    return socket.close();
  });
  context.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') {
      seen.console.push(`${m.text()} ${m.location().url}`.trim());
    }
  });
  context.on('weberror', (e) => seen.console.push(String(e.error())));
  context.on('dialog', (d) => {
    seen.dialogs.push(d.message());
    return d.dismiss();
  });
  await context.exposeBinding('noteRefusal', (_, refusal) => seen.policy.push(refusal));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => {
      globalThis.noteRefusal(`${e.effectiveDirective} refuses ${e.blockedURI} ${e.sample}`.trim());
    });
  });
}

async function perform(page, act) {
  const target = page.locator(act.on);
  switch (act.do) {
    case 'fill':
      return target.fill(act.value);
    case 'select':
      return target.selectOption(act.value);
    case 'press':
      return target.press(act.value);
    case 'click':
      await target.click();
      return page.waitForLoadState();
    default:
      throw new Error(`no such act: ${JSON.stringify(act.do)}`);
  }
}

// look runs in the page.
function look(selectors) {
  const root = document.documentElement;
  const wide = [];
  for (const e of document.body.querySelectorAll('*')) {
    const { right, width } = e.getBoundingClientRect();
    if (width > 0 && right + scrollX > root.clientWidth + 0.5) {
      wide.push(`${e.outerHTML.slice(0, 120)} ends at ${Math.round(right + scrollX)}`);
    }
  }
  return {
    text: document.body.innerText,
    scrollWidth: root.scrollWidth,
    clientWidth: root.clientWidth,
    wide: root.scrollWidth > root.clientWidth ? wide.slice(0, 5) : [],
    counts: Object.fromEntries(selectors.map((s) => [s, document.querySelectorAll(s).length])),
  };
}

async function judge(page) {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    // axe takes a page that says nothing of its ground for white, also where the browser's own is dark.
    const [root, body] = [document.documentElement, document.body];
    if ([root, body].every((e) => getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)')) {
      root.style.backgroundColor = 'Canvas';
    }
    // Timers stand still in a page without scripts, and axe waits by them for what it does not need here.
    globalThis.setTimeout = (f, _, ...values) => {
      Promise.resolve().then(() => f(...values));
      return 0;
    };
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'], preload: false });
    return violations.flatMap((v) => v.nodes.map((n) => ({
      rule: v.id, target: n.target.join(' '), html: n.html, summary: n.failureSummary,
    })));
  });
}

// markPlots writes a word at the top and at the bottom of each plot, by which the text of the printed pages tells where
// it begins and ends. It runs in the page and returns how many plots there are.
function markPlots() {
  const plots = [...document.querySelectorAll('svg:not(svg svg)')].filter((s) => s.getBoundingClientRect().height > 0);
  plots.forEach((plot, i) => {
    const { width: w, height: h } = plot.getBoundingClientRect();
    const view = plot.viewBox.baseVal;
    const { x, y, width, height } = view?.height > 0 ? view : { x: 0, y: 0, width: w, height: h };
    for (const [word, line] of [['begins', 1], ['ends', height - 0.3]]) {
      const mark = document.createElementNS('http://www.w3.org/2000/svg', 'text');
      mark.setAttribute('x', x + width / 2);
      mark.setAttribute('y', y + line);
      mark.style.setProperty('font-size', '1px', 'important');
      mark.textContent = `plot-${i}-${word}`;
      plot.append(mark);
    }
  });
  return plots.length;
}
