// The recount of a results pack in this browser. Its files stay on the device.
import { html } from './vendor/lit-html.js';
import { t, when } from './page.js';

let outcome;

async function recount(form, draw) {
  const { files, fingerprint } = form.elements;
  const chosen = new Map([...files.files].map((file) => [file.name, file]));
  const pack = {
    names: async () => [...chosen.keys()],
    read: async (name) => new Uint8Array(await chosen.get(name).arrayBuffer()),
  };
  outcome = { text: 'pack_busy' };
  draw();
  try {
    const { Refused, verifyPack } = await import('./verify_pack.js');
    outcome = await verifyPack(pack, fingerprint.value.trim() || null).then(
      ({ sentences }) => ({ text: 'pack_good', sentences }),
      (error) => (error instanceof Refused ? { text: 'pack_bad', bad: true, sentences: [error.message] } : Promise.reject(error)),
    );
  } catch {
    outcome = { text: 'pack_unreadable', bad: true };
  }
  draw();
}

export const recounting = (draw) => html`<section class="standing"><details>
    <summary>${t('pack_title')}</summary>
    <p class="hint">${t('pack_hint')}</p>
    <form @submit=${(event) => (event.preventDefault(), recount(event.target, draw))}>
      <label>${t('pack_files')}<input name="files" type="file" multiple required></label>
      <label>${t('pack_fingerprint')}<input name="fingerprint" autocomplete="off" spellcheck="false" dir="ltr"></label>
      <button>${t('pack_recount')}</button>
    </form>
    <div role="status">${when(outcome, () => html`<p class=${outcome.bad ? 'notice' : 'verdict'}>${t(outcome.text)}</p>
      ${when(outcome.sentences, () => html`<ul lang="en" dir="ltr" class="code">${outcome.sentences.map((text) => html`<li>${text}</li>`)}</ul>`)}`)}</div>
  </details></section>`;
