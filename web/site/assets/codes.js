// Codes from a card or a letter. Loaded only where voters vote with codes.
// The front door verifies a code. What is read of it here says earlier what the door would say.
import { claims, clock, hash, learn, pollId, tab } from './page.js';

const CODE = `votestream:code:${pollId}`;
const REFUSED = { 401: 'code_invalid', 403: 'code_void' };
let problem;

// No server sees the fragment. The code moves from it into this tab.
export async function take() {
  const code = hash.get('code');
  if (code) {
    tab.set(CODE, code);
    history.replaceState(null, '', `#poll=${pollId}`);
  }
  await learn('codes.');
}

function problemOf(code) {
  if (!code) return 'need_code';
  try {
    const { exp, poll } = claims(code);
    if (poll !== pollId) return 'code_other_poll';
    return exp * 1000 <= clock.now() ? 'code_expired' : null;
  } catch {
    return 'code_invalid';
  }
}

// The code, if it may vote.
export function token() {
  const code = tab.get(CODE);
  problem = problemOf(code);
  return problem ? null : code;
}

// The name of the text that says why there is no token.
export const why = () => problem;

// Forgets a code that the door refused with this status; false if the refusal is about something else.
export function refuse(status) {
  if (!REFUSED[status]) return false;
  tab.remove(CODE);
  problem = REFUSED[status];
  return true;
}
