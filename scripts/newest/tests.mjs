// The end-to-end tests of a build, as ctest knows them, and one of them run with given CLIs.
import {execFileSync, spawn} from 'node:child_process';
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {basename} from 'node:path';
import {told} from './packages.mjs';

const property = (test, name) => test.properties?.find((one) => one.name === name)?.value;

export function listTests(build, pattern, providers) {
  const none = told(`${build} has no end-to-end tests; ` +
                    'cmake --preset release -DAR_TESTS=ON && cmake --build --preset release');
  let listed;
  try {
    listed = JSON.parse(execFileSync('ctest', ['--test-dir', build, '--show-only=json-v1', '-L', '^e2e$'],
                                     {encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe']}));
  } catch {
    throw none;
  }
  if (listed.tests.length === 0) throw none;
  const tests = listed.tests.filter((test) => !test.name.startsWith('e2e_oldest_') && pattern.test(test.name) &&
                                              providersOf(test, providers).length > 0);
  for (const test of tests)
    if (!test.command || !existsSync(test.command[0]))
      throw told(`${test.name} is not built; cmake --build ${build}`);
  return tests;
}

/// Those of `providers` whose CLIs a test runs.
export function providersOf(test, providers) {
  const named = ['claude', 'codex'].filter((provider) => test.name.includes(provider));
  return providers.filter((provider) => named.length === 0 || named.includes(provider));
}

/// `clis`: the executable of each provider. `log`: how the names of its files begin.
/// {status: pass, FAIL or skip, seconds, cases: [{name, ok, seconds, failures}], said, log}
export async function runTest(test, clis, log) {
  const xml = `${log}.xml`;
  rmSync(xml, {force: true});
  const [program, ...words] = test.command;
  if (basename(program).startsWith('e2e_')) words.push('-r=xml', `-o=${xml}`, '-d=true', ...casesOf(test, clis));
  const own = property(test, 'ENVIRONMENT') ?? [];
  const started = process.hrtime.bigint();
  const child = spawn(program, words, {
    // Nothing of the caller's: no credential reaches a CLI.
    env: {
      PATH: process.env.PATH, HOME: '/nonexistent', LANG: 'C.UTF-8', TERM: 'xterm-256color',
      ...(process.env.TMPDIR && {TMPDIR: process.env.TMPDIR}),
      ...Object.fromEntries(own.map((entry) => [entry.split('=', 1)[0], entry.slice(entry.indexOf('=') + 1)])),
      AR_MATRIX_RECORD: `${log}.matrix`,
      ...Object.fromEntries(Object.entries(clis).map(([provider, cli]) => [`AR_${provider.toUpperCase()}`, cli])),
    },
    detached: true, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '', late = false;
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said += data);
  const timer = setTimeout(() => {
    late = true;
    process.kill(-child.pid, 'SIGKILL');
  }, (property(test, 'TIMEOUT') ?? 900) * 1000);
  const interrupted = () => {
    process.kill(-child.pid, 'SIGKILL');
    process.exit(130);
  };
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  const status = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(code ?? signal));
  });
  clearTimeout(timer);
  process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  writeFileSync(`${log}.log`, said);
  const cases = existsSync(xml) ? readCases(readFileSync(xml, 'utf8')) : [];
  if (status === 77) return {status: 'skip', seconds, cases, said, log: `${log}.log`};
  const ok = status === 0;
  if (!ok && cases.every((one) => one.ok)) {
    const name = late ? 'did not end in time' : `ended with ${status}`;
    cases.push({name, ok, seconds, failures: said.trim().split('\n').slice(-3)});
  }
  return {status: ok ? 'pass' : 'FAIL', seconds, cases, said, log: `${log}.log`};
}

/// Of a test that has cases of both providers, those of the ones that are tried.
function casesOf(test, clis) {
  const tried = Object.keys(clis);
  if (tried.length !== 1 || test.name.includes(tried[0])) return [];
  return [`-tc=*${tried[0] === 'claude' ? 'Claude' : 'Codex'}*`];
}

const kEntities = {lt: '<', gt: '>', quot: '"', apos: "'", amp: '&'};
const unescape = (text) => text.replace(/&(\w+);/g, (all, name) => kEntities[name] ?? all);
const kFailure = /<(Expression|Message|Exception)\b([^>]*)>([\s\S]*?)<\/\1>/g;

/// doctest's XML; one that has no end is of a program that died.
function readCases(xml) {
  return xml.split('<TestCase ').slice(1).map((text) => {
    const end = /<OverallResultsAsserts [^>]*test_case_success="(true|false)"(?:[^>]*duration="([\d.]+)")?/.exec(text);
    const failures = [];
    for (const [, , where, inside] of text.matchAll(kFailure)) {
      if (/success="true"|type="WARN/.test(where)) continue;
      const at = /filename="[^"]*?([^"/]*)" line="(\d+)"/.exec(where);
      const words = unescape(inside.replace(/<[^>]+>/g, ' ')).replace(/\s+/g, ' ').trim();
      failures.push((at ? `${at[1]}:${at[2]}: ` : '') + words.slice(0, 300));
    }
    return {name: unescape(/name="([^"]*)"/.exec(text)[1]), ok: end?.[1] === 'true', seconds: Number(end?.[2] ?? 0),
            failures: end ? failures : [...failures, 'did not end']};
  });
}
