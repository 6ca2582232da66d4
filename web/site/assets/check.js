// What became of my vote, in plain sentences, and whether the result is the certified one.
import { html, nothing, render } from './vendor/lit-html.js';
import { follow, persist, refreshEvery } from './pacing.js';
import { recounting } from './pack.js';
import { stretch, table, total } from './results.js';
import { ask, clock, config, device, pollId, receiptKey, show, start, t, tab, when } from './page.js';

const app = document.getElementById('app');
const PREFIX = receiptKey('');
const AFTER_MS = 15_000;
let entries = [];
let problem = 'loading';
let signing;

async function main() {
  try {
    await start('check.');
  } catch {
    await clock.sleep(3000 + clock.random() * 5000);
    return location.reload();
  }
  if (['cognito', 'oidc'].includes(config.identity?.mode)) {
    signing = await import('./signin.js');
    await signing.finish();
  }
  problem = null;
  document.title = t('check_title');
  const polls = pollId ? [pollId] : saved();
  entries = polls.map((poll) => ({ poll, receipt: device.get(receiptKey(poll)) }));
  draw();
  for (const entry of entries) {
    await look(entry);
    if (nextLook(entry) !== null) follow(() => look(entry), { clock, first: 2 * AFTER_MS, every: () => nextLook(entry) });
  }
}

// Milliseconds until the page looks again by itself: null when nothing more can change.
function nextLook({ state, results }) {
  if (state === 'pending' || state === 'try_later' || !results) return state === 'unknown' ? null : AFTER_MS;
  return refreshEvery(results.status, results.counts === null, false);
}

function saved() {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
  } catch {
    return [];
  }
}

async function authorization(poll) {
  if (signing) return signing.token();
  return config.identity?.mode === 'codes' ? tab.get(`votestream:code:${poll}`) : null;
}

async function askReceipt({ poll, receipt: { shard, sequence, voter } }, patient, more = {}) {
  const token = await authorization(poll);
  const query = new URLSearchParams({ ...(config.identity?.mode === 'cognito' ? {} : { voter }), shard, sequence, ...more });
  const options = { headers: token ? { Authorization: `Bearer ${token}` } : {} };
  return persist(() => ask(`/polls/${poll}/votes/me?${query}`, options), patient);
}

// The opening of this browser's vote in a poll, or null: none is given before the final, and not by every organiser.
async function openingOf(poll) {
  const entry = entries.find((entry) => entry.poll === poll && entry.receipt);
  const answer = entry && (await askReceipt(entry, { clock, until: clock.now() + 60_000 }, { opening: true }));
  return answer?.body?.opening ?? null;
}

async function lookAnew(entry) {
  entry.state = entry.certificate = undefined;
  draw();
  await look(entry);
}

async function look(entry) {
  const patient = { clock, until: clock.now() + 60_000 };
  // The API cannot check tokens of another issuer, so it answers no receipts there.
  if (entry.receipt && config.identity?.mode === 'oidc') entry.state = 'unchecked';
  else if (entry.receipt && [undefined, 'pending', 'try_later'].includes(entry.state)) {
    const answer = await askReceipt(entry, patient);
    entry.state = answer?.status === 200 ? answer.body.state : [401, 403].includes(answer?.status) ? 'not_yours' : answer?.status === 404 ? 'unknown' : 'try_later';
    draw();
  }
  const answer = await persist(() => ask(`/polls/${entry.poll}/results`), patient);
  entry.results = answer?.status === 200 ? answer.body : null;
  if (answer?.status === 404) entry.state = 'unknown';
  if (entry.results) entry.certificate = await certified(entry.results);
  draw();
  return answer ?? {};
}

// The certificate as it was signed off: JSON with sorted keys and no spaces.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`;
}

async function certified({ status, counts, turnout, final }) {
  if (status !== 'final' || !final) return 'certificate_later';
  if (!crypto.subtle) return 'certificate_insecure';
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical(final.certificate)));
  const digest = [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const same = (rows) => rows.map(({ option, votes }) => [option, votes]).join();
  const sum = final.certificate.counts.reduce((all, row) => all + row.votes, 0);
  const good = digest === final.digest && same(counts) === same(final.certificate.counts) && sum === turnout && turnout === final.certificate.voters;
  return good ? 'certificate_good' : 'certificate_bad';
}

const signs = { stored: 'good', superseded: 'calm', pending: 'busy', refused: 'bad' };

const part = (entry) => html`<article>
    <section class="panel ${entry.receipt && entry.state ? (signs[entry.state] ?? 'calm') : entry.receipt ? 'busy' : 'calm'}">
      <span class="sign" aria-hidden="true"></span>
      ${when(entry.receipt?.title, () => html`<h2 dir="auto">${entry.receipt.title}</h2>`)}
      <p class="verdict">${entry.receipt ? t(entry.state ?? 'loading') : t(entry.state ?? 'no_receipt')}</p>
      ${when(entry.receipt, () => html`<p class="hint">${t('sent_at', { time: show.moment(entry.receipt.time) })}. ${t('secret')}</p>
        <details><summary>${t('reference')}</summary><p class="code">${entry.receipt.shard}<br>${entry.receipt.sequence}</p></details>`)}
      <p class="pair"><button @click=${() => lookAnew(entry)}>${t('again')}</button><a class="button" href="vote#poll=${entry.poll}">${t('open_poll')}</a></p>
    </section>
    ${when(entry.certificate, () => html`<section class="standing">
      ${when(entry.results.counts, () => html`${table(entry.results, t(entry.results.status === 'final' ? 'result' : 'so_far'))}<p class="hint total">${total(entry.results)}</p>`)}
      <h2>${t('certificate')}</h2><p class=${entry.certificate === 'certificate_bad' ? 'notice' : ''}>${t(entry.certificate)}</p>
      ${when(entry.results.final, () => html`<p class="code">${entry.results.final.digest}</p>`)}
    </section>`)}
  </article>`;

function draw() {
  const none = html`<section class="panel calm"><p class="verdict">${t('no_receipt')}</p></section>`;
  render(
    html`<header>${config.logo ? html`<img src=${config.logo} alt="">` : nothing}<span dir="auto">${config.title}</span></header>
      <h1>${problem ? t(problem) : t('check_title')}</h1>
      ${problem ? nothing : entries.length ? entries.map(part) : none}
      ${problem || !crypto.subtle ? nothing : recounting(draw, config.openings && entries.some(({ receipt }) => receipt) ? openingOf : null)}
      <footer>${when(config.privacy_url, () => html`<a href=${config.privacy_url}>${t('privacy')}</a>`)}</footer>`,
    app,
  );
  stretch(app);
}

addEventListener('hashchange', () => location.reload());
app.replaceChildren();
main();
