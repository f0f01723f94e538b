// What the tests' results say beside pass and fail, and the report for people.
import {existsSync, readdirSync, readFileSync} from 'node:fs';

/// How many exactly, as the delivery tests say.
const kFidelity = /^(?:messages \d+: .*|idle, short text.*)$/gm;

/// {cells: [{test, provider, state, body, measured, newest}], fidelity: [{test, column, says}]}
export function differences(rows) {
  const cells = [], fidelity = [];
  for (const {test, columns} of rows) {
    for (const [column, result] of Object.entries(columns))
      for (const says of result.said.match(kFidelity) ?? []) fidelity.push({test, column, says});
    if (columns.measured && columns.newest) cells.push(...changedCells(test, columns.measured, columns.newest));
  }
  return {cells, fidelity};
}

function recordsOf(result) {
  const folder = result.log.replace(/log$/, 'matrix');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')));
}

function changedCells(test, measured, newest) {
  const found = [];
  for (const now of recordsOf(newest)) {
    const before = recordsOf(measured).find((record) => record.provider === now.provider);
    for (const {state, bodies} of now.states)
      for (const [body, cell] of Object.entries(bodies)) {
        const old = before?.states.find((one) => one.state === state)?.bodies[body];
        if (before && old !== cell)
          found.push({test, provider: now.provider, state, body, measured: old ?? 'none', newest: cell});
      }
  }
  return found;
}

const cellOf = (result) => result.status + (result.first && result.status === 'pass' ? '*' : '') +
    (result.status === 'skip' ? '' : ` ${result.seconds.toFixed(1)} s`);

const shortened = (list) => list.length < 6 ? list.join(' ') || 'nobody knows' :
    `${list.slice(0, 2).join(' ')} ... ${list.slice(-2).join(' ')} (${list.length})`;

export function printReport({columns, compared, rows, differences}) {
  const out = [];
  const names = Object.keys(columns);
  const versions = (name) => Object.values(columns[name]).join(' / ');
  const width = Math.max(24, ...rows.map((row) => row.test.length)) + 2;
  const line = (first, words) =>
      out.push((first.padEnd(width) + words.map((word) => word.padEnd(20)).join('')).trimEnd());
  if (rows.length > 0) {
    line('', names);
    line('test', names.map(versions));
    for (const row of rows) line(row.test, names.map((name) => cellOf(row.columns[name])));
    if (rows.some((row) => names.some((name) => row.columns[name].first && row.columns[name].status === 'pass')))
      out.push('* failed the first time');
    for (const row of rows)
      for (const name of names) {
        const {first, ...result} = row.columns[name];
        for (const {status, cases, log} of first ? [first, result] : [result]) {
          if (status !== 'FAIL') continue;
          out.push('', `${row.test} with ${versions(name)}: ${log}`);
          for (const one of cases.filter((one) => !one.ok))
            out.push(`  ${one.name}`, ...one.failures.slice(0, 3).map((text) => `    ${text}`));
        }
      }
  }
  for (const [provider, {from, to, releases, changes: list}] of Object.entries(compared)) {
    out.push('', from === to ? `${provider} ${to}: there is no other version to compare it with` :
                               `${provider} ${to} against ${from}; released since: ${shortened(releases)}`);
    for (const kind of [...new Set(list.map((one) => one.kind))])
      for (const change of ['removed', 'added', 'changed']) {
        const these = list.filter((one) => one.kind === kind && one.change === change);
        if (these.length === 0) continue;
        out.push(`  ${kind} ${change}: ${these.length}`);
        for (const one of these.slice(0, 40)) out.push(`    ${one.name}${one.details ? `: ${one.details}` : ''}`);
        if (these.length > 40) out.push(`    and ${these.length - 40} more (--json has all)`);
      }
    if (from !== to && list.length === 0) out.push('  nothing differs');
  }
  if (differences.cells.length > 0) out.push('', 'Cells of e2e_matrix that differ');
  for (const cell of differences.cells)
    out.push(`  ${cell.provider}, ${cell.state}, ${cell.body}: ${cell.measured} -> ${cell.newest}`);
  if (differences.fidelity.length > 0) out.push('', 'Fidelity');
  for (const {test, column, says} of differences.fidelity) out.push(`  ${test}, ${column}: ${says}`);
  process.stdout.write(out.join('\n') + '\n');
}
