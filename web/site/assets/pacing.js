// When to ask again. Pure: the clock gives time and chance, so tests use another.
//   clock = { now(): ms, random(): 0..1, sleep(ms): Promise }

const MAX_SPREAD_SECONDS = 60;

// Milliseconds until the next try: what the server asks for, plus a random time whose limit doubles.
export const retryDelay = (attempt, retryAfter, random) =>
  (retryAfter + random * Math.min(MAX_SPREAD_SECONDS, 2 * 2 ** attempt)) * 1000;

// Milliseconds within 20 % of `ms`.
export const around = (ms, random) => ms * (0.8 + 0.4 * random);

// The seconds of a Retry-After header; 1 without one.
export const retryAfterSeconds = (header) => (/^\d{1,5}$/.test(header ?? '') ? Number(header) : 1);

// Milliseconds between two reads of the results, or null for no more reads.
export function refreshEvery(status, hidden, board) {
  if (status === 'final' || status === 'cancelled') return null;
  if (status === 'scheduled' || (status === 'open' && hidden)) return board ? 5000 : null;
  if (board) return 1000;
  return hidden ? 15000 : 5000;
}

// Calls `send` until it returns something without `again`. Returns that, or null when `until` (ms) comes first.
// `plan` = { attempt, at } continues an earlier run: no call before `at`. `waiting` gets every planned call.
export async function persist(send, { clock, until, plan = { attempt: 0, at: 0 }, waiting = () => {} }) {
  let { attempt, at } = plan;
  for (;;) {
    if (at > clock.now()) {
      if (at >= until) return null;
      waiting({ attempt, at });
      await clock.sleep(at - clock.now());
    }
    if (clock.now() >= until) return null;
    const answer = await send();
    if (!answer.again) return answer;
    at = clock.now() + retryDelay(attempt++, answer.retryAfter, clock.random());
  }
}

// Reads until `every(answer)` is null. The first read is at a random moment of one interval, failures back off.
export async function follow(read, { clock, every, first }) {
  let failures = 0;
  await clock.sleep(clock.random() * first);
  for (;;) {
    const answer = await read();
    if (answer.again) {
      await clock.sleep(retryDelay(failures++, answer.retryAfter, clock.random()));
      continue;
    }
    failures = 0;
    const ms = every(answer);
    if (ms === null) return;
    await clock.sleep(around(ms, clock.random()));
  }
}

export const browserClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};
