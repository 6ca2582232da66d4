// The screen in the hall: how the poll stands, and where to vote.
//   ?overlay  transparent, bars only, for OBS    ?hold  keeps the final result until a key is pressed
import { html, nothing, render } from './vendor/lit-html.js';
import { generate } from './vendor/lean-qr.js';
import { follow, persist, refreshEvery } from './pacing.js';
import { stretch, table, total, winners } from './results.js';
import { announce, ask, clock, config, pollId, query, remaining, show, start, statusOf, t, when } from './page.js';

const app = document.getElementById('app');
const overlay = query.has('overlay');
let held = query.has('hold');
let poll, results, wakeLock;
let down = false;
let problem = 'loading';

async function main() {
  if (overlay) document.documentElement.classList.add('overlay');
  try {
    await start('board.');
  } catch {
    await clock.sleep(3000 + clock.random() * 5000);
    return location.reload();
  }
  if (!pollId) return fail('no_poll');
  draw();
  const answer = await persist(() => ask(`/polls/${pollId}`), { clock, until: Infinity, waiting: () => fail('down') });
  if (answer.status !== 200) return fail('unknown');
  poll = answer.body;
  problem = null;
  document.title = poll.title;
  draw();
  setInterval(draw, 1000);
  follow(read, { clock, first: 0, every: () => refreshEvery(results ? statusOf(poll, results) : 'open', results?.counts === null, true) });
}

async function read() {
  const answer = await ask(`/polls/${pollId}/results`);
  down = answer.again;
  if (answer.status === 200) {
    results = answer.body;
    if (results.counts && !(held && results.status === 'final')) announce(`${total(results)}. ${leading()}`);
  }
  draw();
  return answer;
}

function leading() {
  const won = winners(results);
  return results.counts
    .filter((row) => !won.length || won.includes(row.option))
    .map((row) => `${row.label}: ${show.number(row.votes)}`)
    .join(', ');
}

function fail(text) {
  problem = text;
  draw();
}

function body() {
  if (problem) return html`<div class="stage"><h1 class="big">${t(problem)}</h1></div>`;
  const status = statusOf(poll, results);
  return html`<div class="head"><h1 class=${poll.title.length > 60 ? 'long' : ''}><bdi dir="auto">${poll.title}</bdi></h1>${timing(status)}</div>
    <div class="stage"><div class="bars">${middle(status)}</div>${when(!overlay && ['scheduled', 'open'].includes(status) && config.identity?.mode !== 'iam', () => invitation(status))}</div>`;
}

function timing(status) {
  if (status === 'scheduled' || status === 'open') {
    const [key, at] = status === 'scheduled' ? ['opens', poll.opens_at] : ['closes', poll.closes_at];
    const left = remaining(at - clock.now());
    return html`<p class="until">${t(left ? `${key}_in` : `${key}_on`)} <time role="timer">${left ?? show.moment(at)}</time></p>`;
  }
  return html`<p class="until">${t({ closing: 'ended', counting: 'counting', final: 'result', cancelled: 'cancelled' }[status])}</p>`;
}

function middle(status) {
  if (status === 'cancelled') return html`<p class="big">${t('cancelled_note')}</p>`;
  if (held && status === 'final') return html`<button class="big reveal" @click=${reveal}>${t('held')}<small>${t('held_note')}</small></button>`;
  if (results?.counts) {
    const quiet = status === 'open' && !results.total;
    return html`${table(results, '')}<p class="total">${quiet ? t('no_votes') : total(results)}</p>`;
  }
  if (status !== 'scheduled' && poll.visibility !== 'always') return html`<p class="big">${t(poll.visibility === 'never' || status !== 'open' ? 'hidden_final' : 'hidden')}</p>`;
  return html`<ul class="names">${poll.options.map((option) => html`<li dir="auto">${option.label}</li>`)}</ul>`;
}

const link = () => new URL(`vote#poll=${pollId}`, location.href.split(/[?#]/)[0]).href;

const invitation = (status) => html`<aside><p class="call">${t(status === 'open' ? 'vote_at' : 'take_part')}</p><canvas class="qr" role="img" aria-label=${t('qr')}></canvas>
    <p class="link">${t('scan')} <a href=${link()} dir="ltr">${link().replace(/^https?:\/\//, '').split(/(?=[/#])/).map((bit) => html`${bit}<wbr>`)}</a></p></aside>`;

function draw() {
  render(
    html`${when(!overlay, () => html`<header>${config.logo ? html`<img src=${config.logo} alt="">` : nothing}<span dir="auto">${config.title}</span>
          ${when(document.fullscreenEnabled, () => html`<button class="plain" @click=${() => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen())}>${t('full_screen')}</button>`)}</header>`)}
      ${body()} ${when(down, () => html`<p class="notice">${t('down')}</p>`)}`,
    app,
  );
  stretch(app, poll?.options.length);
  const canvas = app.querySelector('canvas');
  if (canvas && canvas.dataset.link !== link()) {
    generate(link()).toCanvas(canvas, { on: [0, 0, 0, 255], off: [255, 255, 255, 255] });
    canvas.dataset.link = link();
  }
}

function reveal() {
  held = false;
  draw();
}

// Keeps the screen on. The browser lets go when the page is hidden.
async function stayAwake() {
  if (document.hidden || (wakeLock && !wakeLock.released)) return;
  wakeLock = await navigator.wakeLock?.request('screen').catch(() => null);
}

addEventListener('keydown', (event) => {
  if (event.key === ' ' && held && event.target === document.body) {
    event.preventDefault();
    reveal();
  }
});
addEventListener('hashchange', () => location.reload());
document.addEventListener('visibilitychange', stayAwake);
stayAwake();
app.replaceChildren();
main();
