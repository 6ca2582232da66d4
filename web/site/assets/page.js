// What every page needs: settings, texts, numbers, times, the API, and a voice for screen readers.
import { nothing } from './vendor/lit-html.js';
import { browserClock, retryAfterSeconds } from './pacing.js';

const ANNOUNCE_EVERY_MS = 10_000;
const LANGUAGES = ['en', 'de', 'es', 'fr', 'ar'];

export const query = new URLSearchParams(location.search);
export const hash = new URLSearchParams(location.hash.slice(1));
export const pollId = /^[a-z0-9-]{1,64}$/.test(hash.get('poll') ?? '') ? hash.get('poll') : null;

const language =
  [query.get('lang'), ...navigator.languages].map((tag) => tag?.slice(0, 2).toLowerCase()).find((tag) => LANGUAGES.includes(tag)) ?? 'en';

let texts = {};
export let config = {};

const json = async (url) => (await fetch(url)).json();

const read = (part) => json(new URL(`texts/${part}${language}.json`, import.meta.url));

// `more` names further text files.
export async function start(...more) {
  document.documentElement.lang = language;
  document.documentElement.dir = language === 'ar' ? 'rtl' : 'ltr';
  const [settings, ...parts] = await Promise.all([
    json('config.json'),
    ...['', ...more].map(read),
  ]);
  config = settings;
  texts = Object.assign({}, ...parts, config.texts?.[language]);
  document.title = config.title ?? '';
  document.documentElement.style.setProperty('--brand', config.accent);
}

// Adds the texts of a further file.
export async function learn(part) {
  texts = { ...(await read(part)), ...texts };
}

const number = (options) => new Intl.NumberFormat(language, options).format;
const date = (options) => new Intl.DateTimeFormat(language, options).format;
export const show = {
  number: number(),
  share: number({ style: 'percent', maximumFractionDigits: 1 }),
  two: number({ minimumIntegerDigits: 2 }),
  time: date({ timeStyle: 'medium' }),
  moment: date({ dateStyle: 'medium', timeStyle: 'short' }),
};
const plural = new Intl.PluralRules(language);

// The text of a key. With `n`, the plural form for it.
export function t(key, values = {}) {
  let text = texts[key] ?? key;
  if (typeof text === 'object') text = text[plural.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => (name === 'n' ? show.number(values.n) : values[name]));
}

// 4:05, 1:04:05; from a day on null: show the date.
export function remaining(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds >= 86_400) return null;
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h ? `${show.number(h)}:${show.two(m)}` : show.number(m)}:${show.two(s)}`;
}

// The server's time. Its header has whole seconds, so less than two is no error.
let offset = 0;
export const clock = { ...browserClock, now: () => Date.now() + offset };
function setClock(headers) {
  const date = Date.parse(headers.get('date')) + 1000 * (Number(headers.get('age')) || 0);
  if (!Number.isNaN(date)) offset = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
}

// One request. Returns { status, body }, and { again, retryAfter } where it is worth sending it again.
export async function ask(path, options = {}, base = config.api) {
  try {
    const response = await fetch((base || '.') + path, { credentials: 'omit', signal: AbortSignal.timeout?.(15_000), ...options });
    setClock(response.headers);
    const again = response.status === 429 || response.status >= 500;
    const retryAfter = retryAfterSeconds(response.headers.get('retry-after'));
    // A truncated success is requested again: a vote that is sent twice counts once.
    const body = await response.json().catch((error) => {
      if (response.ok) throw error;
    });
    return { status: response.status, body, again, retryAfter };
  } catch {
    return { status: 0, body: null, again: true, retryAfter: 1 };
  }
}

export const receiptKey = (poll) => `votestream:receipt:${poll}`;

// Private windows may refuse to keep things; then they last as long as the page.
const attempt = (action) => {
  try {
    return action();
  } catch {
    return null;
  }
};
const store = (storage, memory = {}) => ({
  get: (key) => JSON.parse(attempt(() => storage().getItem(key)) ?? memory[key] ?? 'null'),
  set: (key, value) => attempt(() => storage().setItem(key, (memory[key] = JSON.stringify(value)))),
  remove: (key) => attempt(() => storage().removeItem(key, delete memory[key])),
});
export const device = store(() => localStorage);
export const tab = store(() => sessionStorage);

// The poll's state: the server's; between two reads the clock's.
export function statusOf(poll, results) {
  const said = results?.status ?? poll.status;
  if (['final', 'cancelled', 'counting', 'closing'].includes(said)) return said;
  const now = clock.now();
  return now < poll.opens_at ? 'scheduled' : now < poll.closes_at ? 'open' : 'closing';
}

// Says a text to screen readers, at most every ten seconds; the newest one wins.
let said = 0;
let pending;
export function announce(text) {
  clearTimeout(pending);
  const wait = Math.max(0, said + ANNOUNCE_EVERY_MS - Date.now());
  pending = setTimeout(() => {
    said = Date.now();
    document.getElementById('status').textContent = text;
  }, wait);
}

// The front door verifies tokens; nothing here decides by them.
export const claims = (token) => JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));

export const when = (condition, part) => (condition ? part() : nothing);
