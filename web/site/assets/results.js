// Bars that are a real table: what a screen reader hears is what the eye sees.
import { html, nothing } from './vendor/lit-html.js';
import { show, t } from './page.js';

// The options with most votes; empty before the final, and without votes.
export function winners(results) {
  const most = Math.max(0, ...(results?.counts ?? []).map((row) => row.votes));
  return results?.status === 'final' && most > 0 ? results.counts.filter((row) => row.votes === most).map((row) => row.option) : [];
}

export function table(results, caption) {
  const won = winners(results);
  const { counts, voters } = { counts: results.counts, voters: results.total, ...results.unique };
  return html`<table class="results" role="table">
    <caption class=${caption ? '' : 'unseen'}>${caption || t('result')}</caption>
    <thead class="unseen">
      <tr role="row"><th scope="col" role="columnheader">${t('option')}</th><th scope="col" role="columnheader">${t('votes_head')}</th><th scope="col" role="columnheader">${t('share')}</th></tr>
    </thead>
    <tbody role="rowgroup">
      ${counts.map((row) => {
        const share = voters ? row.votes / voters : 0;
        const best = won.includes(row.option);
        return html`<tr role="row" class=${best ? 'best' : ''} data-share=${share}>
          <th scope="row" role="rowheader"><bdi dir="auto">${row.label}</bdi>${best ? html` <span class="badge">${t(won.length > 1 ? 'tie' : 'winner')}</span>` : nothing}</th>
          <td role="cell" class="count">${show.number(row.votes)}</td>
          <td role="cell" class="share">${show.share(share)}</td>
        </tr>`;
      })}
    </tbody>
  </table>`;
}

// Widths are set by script: the security policy allows no style in the page's markup.
export function stretch(root, rows = 1) {
  root.style.setProperty('--rows', Math.max(rows, 2));
  for (const row of root.querySelectorAll('[data-share]')) row.style.setProperty('--share', row.dataset.share);
}

export function total(results) {
  if (results.status === 'final') return t('turnout', { n: results.turnout });
  const { unique } = results;
  return unique ? t('counted_once', { n: unique.voters, time: show.time(unique.counted_at) }) : t('votes', { n: results.total });
}
