// Signing in with OpenID Connect: authorization code with PKCE (RFC 7636). Loaded only where voters sign in.
// The token is kept in this tab. The front door verifies it; nothing here decides who may vote.
import { claims, config, hash, tab } from './page.js';

const TOKENS = 'votestream:tokens';
const FLOW = 'votestream:sign-in';
const FAILED = 'votestream:sign-in-failed';
const here = location.origin + location.pathname;

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
const secret = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

let found;
const discover = () => (found ??= read());
async function read() {
  const authority = config.identity.authority.replace(/\/$/, '');
  const it = await (await fetch(`${authority}/.well-known/openid-configuration`)).json();
  // A document of another issuer would lead the voter there (OpenID Connect Discovery, 4.3).
  if (it.issuer?.replace(/\/$/, '') !== authority) throw new Error('another issuer');
  return it;
}

// Sends the voter to the issuer's own pages. They come back to this page with a code.
export async function signIn() {
  const { authorization_endpoint } = await discover();
  const flow = { state: secret(), nonce: secret(), verifier: secret(), poll: hash.get('poll') };
  tab.set(FLOW, flow);
  const { client_id, scope } = config.identity;
  const code_challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(flow.verifier)));
  const wish = { response_type: 'code', client_id, scope: scope ?? 'openid', redirect_uri: here, state: flow.state, nonce: flow.nonce, code_challenge, code_challenge_method: 'S256' };
  location.assign(`${authorization_endpoint}?${new URLSearchParams(wish)}`);
}

async function trade(grant) {
  const body = new URLSearchParams({ client_id: config.identity.client_id, ...grant });
  const answer = await fetch((await discover()).token_endpoint, { method: 'POST', body });
  if (!answer.ok) throw new Error(`the token endpoint answered ${answer.status}`);
  const tokens = await answer.json();
  return { ...tokens, ends: Date.now() + (tokens.expires_in ?? 3600) * 1000 };
}

// Finishes a sign-in that was redirected here; false without a redirect. The code leaves the address first.
export async function finish() {
  const back = new URLSearchParams(location.search);
  if (!back.has('state') || !(back.has('code') || back.has('error'))) return false;
  const flow = tab.get(FLOW);
  tab.remove(FLOW);
  history.replaceState(null, '', here + (flow?.poll ? `#poll=${flow.poll}` : ''));
  try {
    // Another state is an answer to a question that this tab did not ask.
    if (!flow || back.get('state') !== flow.state || !back.has('code')) throw new Error('not this sign-in');
    const { issuer } = await discover();
    // An issuer that names itself must be ours (RFC 9207).
    if (back.has('iss') && back.get('iss') !== issuer) throw new Error('another issuer');
    const tokens = await trade({ grant_type: 'authorization_code', code: back.get('code'), redirect_uri: here, code_verifier: flow.verifier });
    const { nonce, iss, aud } = claims(tokens.id_token);
    if (nonce !== flow.nonce || iss !== issuer || ![aud].flat().includes(config.identity.client_id)) throw new Error('not this sign-in');
    tab.set(TOKENS, tokens);
  } catch {
    tab.set(FAILED, true);
  }
  return true;
}

// Whether the last sign-in failed; asked once.
export function failed() {
  const it = tab.get(FAILED);
  tab.remove(FAILED);
  return it;
}

// The voter's token, renewed if it ends within a minute; null when nobody is signed in.
export async function token() {
  let tokens = tab.get(TOKENS);
  if (tokens && tokens.ends < Date.now() + 60_000) {
    const { refresh_token } = tokens;
    tokens = refresh_token ? await trade({ grant_type: 'refresh_token', refresh_token }).catch(() => null) : null;
    if (tokens) tab.set(TOKENS, { refresh_token, ...tokens });
    else forget();
  }
  return tokens && (config.identity.token === 'access' ? tokens.access_token : tokens.id_token);
}

export const forget = () => tab.remove(TOKENS);

// Forgets the voter here, then at the issuer. Cognito's logout has parameters of its own and is not in its discovery.
export async function signOut() {
  const hint = tab.get(TOKENS)?.id_token;
  forget();
  const { client_id, logout_url, mode } = config.identity;
  const standard = logout_url || (await discover()).end_session_endpoint;
  if (standard && mode === 'cognito') location.assign(`${standard}?${new URLSearchParams({ client_id, logout_uri: here })}`);
  else if (standard) location.assign(`${standard}?${new URLSearchParams({ client_id, id_token_hint: hint, post_logout_redirect_uri: here })}`);
  else location.reload();
}
