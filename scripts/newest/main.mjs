// scripts/try-newest: see kHelp.
import {mkdirSync} from 'node:fs';
import {resolve} from 'node:path';
import {parseArgs} from 'node:util';
import {changesOf, factsOf} from './facts.mjs';
import {install, newestOn, pins, releasesBetween} from './packages.mjs';
import {differences, printReport} from './report.mjs';
import {listTests, providersOf, runTest} from './tests.mjs';

const kHelp = `usage: scripts/try-newest [OPTION...] [BUILD]

Installs the provider CLIs that npm has now beside those of scripts/install-clis, runs the end-to-end tests of BUILD
(build/release) with the oldest supported, the measured and the newest ones, and prints a table and what has changed:
flags, hooks, protocol, texts the adapters look for, cells of e2e_matrix, fidelity of delivery. It takes some 10 min for
each column. The CLIs see no network. Exit status 1: a test fails with the newest.

  --only PROVIDER      claude or codex alone
  --tests PATTERN      only tests whose names match this regular expression; '^$': none, just what the CLIs say
  --columns LIST       of oldest,measured,newest (all three)
  --against VERSION    in place of the measured: 2.1.300 with --only, else claude=2.1.300 or codex=0.170.0
  --newest VERSION     in place of what npm has now, in the same form
  --json               one JSON document on standard output
`;

class Failure extends Error {}

/// {claude: V, codex: V} from "V" or "claude=V,codex=V".
function versionsOf(text, providers) {
  const found = {};
  for (const word of (text ?? '').split(',').filter(Boolean)) {
    const [, provider = providers.length === 1 ? providers[0] : null, version] =
        /^(?:(\w+)=)?(\d+\.\d+\.\d+[\w.-]*)$/.exec(word) ?? [];
    if (!version || !providers.includes(provider))
      throw new Failure(`"${word}" is no version; write ${providers.map((p) => p + '=1.2.3').join(' or ')}`);
    found[provider] = version;
  }
  return found;
}

function options() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        only: {type: 'string'}, tests: {type: 'string', default: ''}, against: {type: 'string'},
        newest: {type: 'string'}, columns: {type: 'string', default: 'oldest,measured,newest'},
        json: {type: 'boolean'}, help: {type: 'boolean', short: 'h'},
      },
    });
  } catch (error) {
    throw new Failure(error.message);
  }
  const {values, positionals} = parsed;
  if (values.help) {
    process.stdout.write(kHelp);
    process.exit(0);
  }
  const providers = values.only ? [values.only] : ['claude', 'codex'];
  if (!pins()[providers[0]]) throw new Failure(`--only ${values.only}: use claude or codex`);
  const columns = values.columns.split(',');
  for (const column of columns)
    if (!['oldest', 'measured', 'newest'].includes(column)) throw new Failure(`--columns: no "${column}"`);
  if (positionals.length > 1) throw new Failure('more than one BUILD');
  let pattern;
  try {
    pattern = new RegExp(values.tests);
  } catch (error) {
    throw new Failure(`--tests: ${error.message}`);
  }
  return {
    build: resolve(positionals[0] ?? 'build/release'), providers, columns, pattern, json: values.json,
    against: versionsOf(values.against, providers), newest: versionsOf(values.newest, providers),
  };
}

const say = (text) => process.stderr.write(text + '\n');

async function main() {
  const wanted = options();
  const tests = listTests(wanted.build, wanted.pattern, wanted.providers);

  /// By column, the version of each provider.
  const columns = Object.fromEntries(wanted.columns.map((name) => [name, {}]));
  const newest = {}, measured = {}, releases = {};
  for (const provider of wanted.providers) {
    const pin = pins()[provider];
    measured[provider] = wanted.against[provider] ?? pin.measured;
    newest[provider] = wanted.newest[provider] ?? newestOn(pin.package);
    releases[provider] = releasesBetween(pin.package, measured[provider], newest[provider]);
    const of = {oldest: pin.oldest, measured: measured[provider], newest: newest[provider]};
    for (const name of wanted.columns) columns[name][provider] = of[name];
    say(`${provider}: oldest ${of.oldest}, measured ${of.measured}, newest ${of.newest}` +
        (of.newest === of.measured ? ' (nothing newer)' : ''));
  }

  const folder = `${wanted.build}/try-newest`;
  const clis = {};  // by provider and version, the executable
  for (const versions of [...Object.values(columns), measured, newest])
    for (const [provider, version] of Object.entries(versions))
      clis[`${provider} ${version}`] ??= await install(`${folder}/${provider}-${version}`, provider, version, say);

  const changes = {};
  for (const provider of wanted.providers) {
    say(`${provider}: asks both versions what they have`);
    const facts = (version) => factsOf(provider, clis[`${provider} ${version}`]);
    changes[provider] = measured[provider] === newest[provider] ?
        [] : changesOf(facts(measured[provider]), facts(newest[provider]));
  }

  // A test runs once for each version of those providers that it has to do with.
  const results = new Map();
  const plan = [];
  for (const [column, versions] of Object.entries(columns))
    for (const test of tests) {
      const of = Object.fromEntries(providersOf(test, wanted.providers).map((p) => [p, versions[p]]));
      const key = test.name + ' ' + Object.entries(of).map(([p, v]) => `${p} ${v}`).join(' ');
      plan.push({column, test, of, key});
    }
  const keys = [...new Set(plan.map((one) => one.key))];
  mkdirSync(`${folder}/logs`, {recursive: true});
  for (const [at, key] of keys.entries()) {
    const {test, of} = plan.find((one) => one.key === key);
    process.stderr.write(`[${at + 1}/${keys.length}] ${key} ... `);
    const programs = Object.fromEntries(Object.entries(of).map(([p, v]) => [p, clis[`${p} ${v}`]]));
    const log = `${folder}/logs/${key.replaceAll(' ', '_')}`;
    let result = await runTest(test, programs, log);
    if (result.status === 'FAIL') {  // a busy machine is not the CLI's fault
      process.stderr.write(`fails after ${result.seconds.toFixed(0)} s, once more ... `);
      result = {...await runTest(test, programs, `${log}_again`), first: result};
    }
    results.set(key, result);
    say(`${result.status} (${result.seconds.toFixed(1)} s)`);
  }

  const rows = tests.map((test) => ({
    test: test.name,
    columns: Object.fromEntries(plan.filter((one) => one.test === test)
                                    .map((one) => [one.column, {...results.get(one.key), versions: one.of}])),
  }));
  const compared = Object.fromEntries(
      wanted.providers.map((p) => [p, {from: measured[p], to: newest[p], releases: releases[p], changes: changes[p]}]));
  const report = {columns, compared, rows, differences: differences(rows)};
  if (wanted.json)
    process.stdout.write(JSON.stringify(report, (key, value) => key === 'said' ? undefined : value, 1) + '\n');
  else
    printReport(report);
  const judged = columns.newest ? 'newest' : wanted.columns.at(-1);
  return rows.some((row) => row.columns[judged].status === 'FAIL') ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure) && !error.told) throw error;
  say(`try-newest: ${error.message}`);
  process.exitCode = error.told ? 1 : 2;
}
