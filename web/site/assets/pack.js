// The recount of a results pack in this browser. Its files stay on the device.
import { html } from './vendor/lit-html.js';
import { t, when } from './page.js';

let outcome;

async function recount(form, draw, openingOf) {
  const { files, fingerprint, own } = form.elements;
  const chosen = new Map([...files.files].map((file) => [file.name, file]));
  const pack = {
    names: async () => [...chosen.keys()],
    read: async (name) => new Uint8Array(await chosen.get(name).arrayBuffer()),
  };
  outcome = { text: 'pack_busy' };
  draw();
  try {
    const { Refused, verifyPack } = await import('./verify_pack.js');
    try {
      const published = fingerprint.value.trim() || null;
      let { sentences, certificate } = await verifyPack(pack, published);
      outcome = { text: 'pack_good', sentences };
      if (own?.checked) {
        const opening = await openingOf(certificate.poll_id);
        if (opening) ({ sentences } = await verifyPack(pack, published, new TextEncoder().encode(JSON.stringify(opening))));
        outcome = { text: opening ? 'pack_good' : 'pack_no_opening', sentences };
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      outcome = { text: 'pack_bad', bad: true, sentences: [error.message] };
    }
  } catch {
    outcome = { text: 'pack_unreadable', bad: true };
  }
  draw();
}

// `openingOf` asks for the opening of this browser's vote in a poll; null where there are no openings, or nothing was sent.
export const recounting = (draw, openingOf) => html`<section class="standing"><details>
    <summary>${t('pack_title')}</summary>
    <p class="hint">${t('pack_hint')}</p>
    <form @submit=${(event) => (event.preventDefault(), recount(event.target, draw, openingOf))}>
      <label>${t('pack_files')}<input name="files" type="file" multiple required></label>
      <label>${t('pack_fingerprint')}<input name="fingerprint" autocomplete="off" spellcheck="false" dir="ltr"></label>
      ${when(openingOf, () => html`<label class="own"><input name="own" type="checkbox"> ${t('pack_own')}</label>`)}
      <button>${t('pack_recount')}</button>
    </form>
    <div role="status">${when(outcome, () => html`<p class=${outcome.bad ? 'notice' : 'verdict'}>${t(outcome.text)}</p>
      ${when(outcome.sentences, () => html`<ul lang="en" dir="ltr" class="code">${outcome.sentences.map((text) => html`<li>${text}</li>`)}</ul>`)}`)}</div>
  </details></section>`;
