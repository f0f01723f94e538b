// What a CLI says of itself, and how two versions differ in it.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {told} from './packages.mjs';

const kRoot = dirname(fileURLToPath(import.meta.url)) + '/../..';

/// {kind: {name: details}}, names and details as words.
export function factsOf(provider, cli) {
  const home = mkdtempSync(join(tmpdir(), 'try-newest-'));
  try {
    mkdirSync(`${home}/config`);
    const program = programOf(provider, cli);
    const table = `adapters/${provider}/versions.cpp`;
    const facts = {flags: flagsOf(cli, home), [`texts of ${table} in the program`]: textsOf(table, program)};
    if (provider === 'claude') facts.hooks = hooksOf(program);
    if (provider === 'codex') Object.assign(facts, {features: featuresOf(cli, home), protocol: protocolOf(cli, home)});
    return facts;
  } finally {
    rmSync(home, {recursive: true, force: true});
  }
}

/// [{kind, change: "added", "removed" or "changed", name, details}]
export function changesOf(before, after) {
  return Object.keys(after).flatMap((kind) => {
    const [old, now] = [before[kind], after[kind]];
    return [
      ...Object.keys(old).filter((name) => !(name in now)).map((name) => ({kind, change: 'removed', name})),
      ...Object.keys(now).filter((name) => !(name in old))
          .map((name) => ({kind, change: 'added', name, details: now[name]})),
      ...Object.keys(now).filter((name) => name in old && old[name] !== now[name])
          .map((name) => ({kind, change: 'changed', name, details: `${old[name]} -> ${now[name]}`})),
    ];
  });
}

/// What it prints, in a network namespace that has loopback alone, with nothing of our environment.
function ask(cli, words, home) {
  const namespace = process.getuid() === 0 ? ['--net'] : ['--map-root-user', '--net'];
  const script = 'ip link set lo up && exec "$@"';
  try {
    return execFileSync('unshare', [...namespace, 'sh', '-c', script, 'sh', cli, ...words], {
      encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 26, cwd: home, stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', TERM: 'dumb', COLUMNS: '200',
        CLAUDE_CONFIG_DIR: `${home}/config`, CODEX_HOME: `${home}/config`, DISABLE_AUTOUPDATER: '1',
        ANTHROPIC_BASE_URL: 'http://127.0.0.1:9', ANTHROPIC_API_KEY: 'dummy', OPENAI_API_KEY: 'dummy',
      },
    });
  } catch (error) {
    if (error.stdout) return error.stdout;  // a command whose help ends with another status
    throw told(`${cli} ${words.join(' ')}: ${(error.stderr || error.message).trim()}`);
  }
}

/// "exec --json" of its help and of each of its commands, with the values that an option takes.
function flagsOf(cli, home) {
  const all = {};
  const read = (command) => {
    const commands = [];
    let section = '', option = '';
    for (const line of ask(cli, [...command, '--help'], home).split('\n')) {
      if (/^\S.*:$/.test(line)) section = line;
      const [, name] = /^ {2,4}([a-z][\w-]*)/.exec(line) ?? [];
      if (section === 'Commands:' && name && name !== 'help') commands.push(name);
      const flags = /^ {2,6}-/.test(line) ? line.trim().split(/ {2,}/)[0].match(/--[a-zA-Z][\w-]*/g) : null;
      for (const flag of flags ?? []) all[[...command, option = flag].join(' ')] = '';
      const [, values] = /(?:choices:|possible values:) ([^)\]]*)/.exec(line) ?? [];
      if (values && option) all[[...command, option].join(' ')] = values.trim();
    }
    return commands;
  };
  for (const command of read([])) {
    all[command] = '';
    read([command]);
  }
  return all;
}

/// The program itself, which a script of npm's may only start: its largest file.
function programOf(provider, cli) {
  const folder = provider === 'codex' ? dirname(dirname(realpathSync(cli))) + '/..' : null;
  if (!folder) return realpathSync(cli);
  const files = readdirSync(folder, {recursive: true}).map((name) => join(folder, name))
                    .filter((file) => statSync(file).isFile());
  return files.reduce((a, b) => statSync(a).size > statSync(b).size ? a : b);
}

/// The texts that the adapter's table looks for, where the program still has them.
function textsOf(table, program) {
  const bytes = readFileSync(program);
  const rows = readFileSync(`${kRoot}/${table}`, 'utf8');
  const texts = [...rows.matchAll(/(?:KnownScreen\{|\.\w+ = )"([^"\\]{8,})"/g)].map((found) => found[1]);
  return Object.fromEntries(texts.filter((text) => bytes.includes(text)).map((text) => [text, '']));
}

/// The largest list in the program that names these events.
function hooksOf(program) {
  const lists = readFileSync(program, 'latin1').match(/\[(?:"[A-Z][A-Za-z]+",?){10,99}\]/g) ?? [];
  const hooks = lists.filter((list) => list.includes('"PreToolUse"') && list.includes('"SessionStart"'))
                    .map((list) => JSON.parse(list.replace(',]', ']')));
  hooks.sort((a, b) => b.length - a.length);
  return Object.fromEntries((hooks[0] ?? []).map((name) => [name, '']));
}

function featuresOf(cli, home) {
  const lines = ask(cli, ['features', 'list'], home).trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.trim().split(/ {2,}/))
                                .map(([name, ...state]) => [name, state.join(' ')]));
}

/// The app server's requests and notifications, and the fields and values of its types.
function protocolOf(cli, home) {
  ask(cli, ['app-server', 'generate-json-schema', '--experimental', '--out', `${home}/schema`], home);
  const all = {};
  const walk = (type, schema) => {
    if (!schema || typeof schema !== 'object') return;
    for (const value of schema.enum ?? []) all[`${type} = ${value}`] = '';
    for (const [field, inside] of Object.entries(schema.properties ?? {})) {
      if (field === 'method' && inside.enum) all[`${type} ${inside.enum[0]}`] = '';
      else {
        all[`${type}.${field}`] = schema.required?.includes(field) ? 'required' : '';
        walk(`${type}.${field}`, inside);
      }
    }
    for (const one of [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])]) walk(type, one);
    if (schema.items) walk(type + '[]', schema.items);
  };
  for (const file of readdirSync(`${home}/schema`, {recursive: true}).filter((name) => name.endsWith('.json'))) {
    const schema = JSON.parse(readFileSync(`${home}/schema/${file}`, 'utf8'));
    if (file.includes('schemas.json')) continue;  // all of the others once more
    walk(schema.title ?? file, schema);
    for (const [name, definition] of Object.entries(schema.definitions ?? {})) walk(name, definition);
  }
  return all;
}
