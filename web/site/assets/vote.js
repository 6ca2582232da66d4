// The page of the audience: choose, vote, know that it arrived.
import { html, nothing, render } from './vendor/lit-html.js';
import { follow, persist, refreshEvery } from './pacing.js';
import { stretch, table, total } from './results.js';
import { announce, ask, claims, clock, config, device, hash, pollId, receiptKey, remaining, show, start, statusOf, t, tab, when } from './page.js';

const app = document.getElementById('app');
let poll, results, signing, codes, token, plan, message;
let following = false;
// form, sending, waiting, received, refused, late, signed-out
let step = 'form';
let down = false;
let problem = 'loading';
let notice = null;
let lastStatus;

const pendingKey = `votestream:pending:${pollId}`;
const mode = () => config.identity?.mode ?? 'none';
const usesToken = () => ['cognito', 'oidc', 'codes'].includes(mode());

async function main() {
  try {
    await start();
  } catch {
    await clock.sleep(3000 + clock.random() * 5000);
    return location.reload();
  }
  if (['cognito', 'oidc'].includes(mode())) {
    signing = await import('./signin.js');
    // The address names the poll again: read it again.
    if (await signing.finish()) return location.reload();
    if (signing.failed()) notice = 'sign_in_failed';
  }
  if (!pollId) return fail('no_poll');
  if (mode() === 'codes') {
    codes = await import('./codes.js');
    await codes.take();
  }
  draw();
  const answer = await persist(() => ask(`/polls/${pollId}`), { clock, until: Infinity, waiting: () => fail('down') });
  if (answer.status !== 200) return fail('unknown');
  poll = answer.body;
  document.title = poll.title;
  problem = null;
  await identify();
  if (receipt()) step = 'received';
  draw();
  tick();
  setInterval(tick, 1000);
  const pending = tab.get(pendingKey);
  if (pending && step !== 'signed-out') deliver(pending);
}

function fail(text) {
  problem = text;
  draw();
}

async function identify() {
  if (signing) token = await signing.token();
  else if (codes) token = codes.token();
  if (usesToken() && !token && step !== 'received') step = 'signed-out';
}

function voter() {
  if (usesToken()) {
    try {
      return String(claims(token)[config.identity.voter_claim ?? 'sub']);
    } catch {
      return null;
    }
  }
  let name = device.get('votestream:voter');
  if (!name) {
    name = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    device.set('votestream:voter', name);
  }
  return name;
}

// Devices are shared: only this voter's receipt.
function receipt() {
  const kept = device.get(receiptKey(pollId));
  return kept && (!usesToken() || (token && kept.voter === voter())) ? kept : null;
}

const headers = () => ({ 'Content-Type': 'application/json', ...(usesToken() ? { Authorization: `Bearer ${token}` } : {}) });

// Sends until received, refused or too late. A reload continues from the tab.
async function deliver(pending) {
  tab.set(pendingKey, pending);
  step = 'sending';
  draw();
  scrollTo(0, 0);
  if (signing) token = await signing.token(); // renewed if it is about to end
  if (usesToken() && !token) return settle('signed-out');
  const body = JSON.stringify(usesToken() ? { option: pending.option } : { option: pending.option, voter: voter() });
  const answer = await persist(() => ask(`/polls/${pollId}/votes`, { method: 'POST', headers: headers(), body }, config.votes_url || config.api), {
    clock,
    until: poll.closes_at,
    plan: pending,
    waiting: (next) => {
      plan = next;
      step = 'waiting';
      tab.set(pendingKey, { option: pending.option, ...next });
      draw();
      announce(`${t('not_yet')}. ${t('keep_open')}`);
    },
  });
  plan = null;
  if (codes?.refuse(answer?.status)) {
    // Another code is another voter: nothing is sent by itself.
    tab.remove(pendingKey);
    token = null;
    return settle('signed-out');
  }
  if (answer?.status === 401 && signing) {
    // It continues after sign-in.
    tab.set(pendingKey, { option: pending.option, attempt: 0, at: 0 });
    await signing.forget();
    token = null;
    return settle('signed-out');
  }
  tab.remove(pendingKey);
  if (!answer) return settle('late');
  if (answer.status !== 202) {
    message = answer.body?.message;
    return settle('refused');
  }
  device.set(receiptKey(pollId), { ...answer.body.receipt, voter: voter(), time: clock.now(), title: poll.title });
  notice = null;
  settle('received');
}

function settle(next) {
  step = next;
  draw();
  app.querySelector('[data-focus]')?.focus();
}

function submit(event) {
  event.preventDefault();
  const option = new FormData(event.target).get('option');
  notice = option ? null : 'choose_first';
  if (option) return deliver({ option, attempt: 0, at: 0 });
  draw();
  app.querySelector('input')?.focus();
}

function change() {
  notice = null;
  step = 'form';
  draw();
  app.querySelector('input')?.focus();
}

function signIn() {
  signing.signIn().catch(() => {
    notice = 'sign_in_failed';
    draw();
  });
}

function tick() {
  const status = statusOf(poll, results);
  if (status !== lastStatus) {
    if (lastStatus) announce(status === 'open' ? t('choose') : t(status === 'final' ? 'result' : 'ended'));
    lastStatus = status;
  }
  watch(status);
  if (!document.hidden) draw();
}

const hiddenNow = (status) => status === 'open' && poll.visibility !== 'always';

// Reads results while they are visible, or until the final.
function watch(status) {
  if (following || document.hidden || results?.status === 'final' || results?.status === 'cancelled') return;
  if (refreshEvery(status, hiddenNow(status), false) === null && !['final', 'cancelled'].includes(status)) return;
  following = true;
  follow(
    async () => {
      const answer = await ask(`/polls/${pollId}/results`);
      down = answer.again;
      if (answer.status === 200) results = answer.body;
      tick();
      return answer;
    },
    {
      clock,
      first: poll.status === 'final' ? 0 : 5000,
      every: (answer) => (document.hidden || answer.status !== 200 ? null : refreshEvery(statusOf(poll, results), results.counts === null, false)),
    },
  ).finally(() => (following = false));
}

const until = (key, ms) => {
  const left = remaining(ms - clock.now());
  return html`<p class="until">${t(left ? `${key}_in` : `${key}_on`)} <time role="timer">${left ?? show.moment(ms)}</time></p>`;
};

const form = () => html`<form @submit=${submit} novalidate>
    <fieldset aria-describedby="notice">
      <legend class="hint">${t('choose')}</legend>
      ${poll.options.map((option) => html`<label class="option"><input type="radio" name="option" value=${option.id}><bdi dir="auto">${option.label}</bdi></label>`)}
    </fieldset>
    <p id="notice" class="notice">${notice ? t(notice) : nothing}</p>
    <div class="action"><button class="main">${t('vote')}</button></div>
  </form>`;

const panel = (kind, title, note, more = nothing) => html`<section class="panel ${kind}">
    <span class="sign" aria-hidden="true"></span>
    ${problem ? html`<h1>${title}</h1>` : html`<h2 tabindex="-1" data-focus>${title}</h2>`}
    ${when(note, () => html`<p>${note}</p>`)}${more}
  </section>`;

const checkLink = () => html`<a class="button" href="check#poll=${pollId}">${t('check')}</a>`;

function voting() {
  if (mode() === 'iam') return panel('calm', t('elsewhere'));
  if (step === 'signed-out') {
    if (codes) return panel(codes.why() === 'need_code' ? 'calm' : 'bad', t(codes.why()));
    return panel('calm', t('sign_in_note'), notice && t(notice), html`<button class="main" @click=${signIn}>${t('sign_in')}</button>`);
  }
  if (step === 'sending') return panel('busy', t('sending'));
  if (step === 'waiting') return panel('busy', t('not_yet'), t('keep_open'), html`<p class="until">${t('next_try')} <time role="timer">${remaining(plan.at - clock.now())}</time></p>`);
  if (step === 'received') return panel('good', t('received'), t(notice ?? 'received_note'), html`<p class="pair"><button @click=${change}>${t('change')}</button>${checkLink()}</p>`);
  if (step === 'refused') return panel('bad', t('refused'), message, html`<button @click=${change}>${t('change')}</button>`);
  return form();
}

const scheduled = () => html`<section class="panel">${until('opens', poll.opens_at)}</section>
    ${when(step === 'signed-out', voting)}
    <ul class="names">${poll.options.map((option) => html`<li dir="auto">${option.label}</li>`)}</ul>`;

function closed(status) {
  if (status === 'cancelled') return panel('calm', t('cancelled'), t('cancelled_note'));
  const mine = step === 'late' ? t('late') : receipt() ? t('received_ended') : '';
  const counted = status === 'final' ? '' : t('counting');
  return html`${when(status !== 'final', () => panel('calm', t('ended'), `${mine} ${counted}`.trim()))}
    ${when(receipt(), () => html`<p class="pair">${checkLink()}</p>`)}`;
}

function standing(status) {
  if (status === 'scheduled' || status === 'cancelled') return nothing;
  if (!results?.counts) {
    const hides = poll.visibility !== 'always' && (status === 'open' || results);
    return hides ? html`<p class="hint">${t(poll.visibility === 'never' ? 'hidden_final' : 'hidden')}</p>` : nothing;
  }
  return html`<section class="standing">${table(results, status === 'final' ? t('result') : t('so_far'))}<p class="hint total">${total(results)}</p></section>`;
}

function body() {
  if (problem) return panel(problem === 'loading' ? 'busy' : 'calm', t(problem));
  const status = statusOf(poll, results);
  return html`<h1><bdi dir="auto">${poll.title}</bdi></h1>
    ${status === 'scheduled' ? scheduled() : status === 'open' ? html`${until('closes', poll.closes_at)}${voting()}` : closed(status)}
    ${when(down, () => html`<p class="notice">${t('down')}</p>`)} ${standing(status)}`;
}

function draw() {
  render(
    html`<header>${config.logo ? html`<img src=${config.logo} alt="">` : nothing}<span dir="auto">${config.title}</span></header>
      ${body()}
      <footer>
        ${when(signing && token, () => html`<button class="plain" @click=${() => signing.signOut()}>${t('sign_out')}</button>`)}
        ${when(config.privacy_url, () => html`<a href=${config.privacy_url}>${t('privacy')}</a>`)}
      </footer>`,
    app,
  );
  stretch(app);
}

addEventListener('hashchange', () => location.reload());
addEventListener('online', () => poll && tick());
document.addEventListener('visibilitychange', () => poll && tick());
// Another tab of this browser voted.
addEventListener('storage', (event) => {
  if (event.key !== receiptKey(pollId) || !poll) return;
  notice = step === 'received' ? 'replaced' : null;
  if (receipt() && step !== 'sending' && step !== 'waiting') step = 'received';
  draw();
});

app.replaceChildren();
main();
