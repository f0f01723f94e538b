// The CLIs as npm packages: which versions there are, and one of them installed.
import {execFileSync, spawn} from 'node:child_process';
import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';

const kInstaller = dirname(fileURLToPath(import.meta.url)) + '/../install-clis';

/// An error that says all there is to say.
export function told(message) {
  return Object.assign(new Error(message), {told: true});
}

/// By provider: {measured, oldest, package}.
export function pins() {
  const lines = execFileSync(kInstaller, ['--versions'], {encoding: 'utf8'}).trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(' ')).map(([name, measured, oldest, packageName]) => [
    name, {measured, oldest, package: packageName}]));
}

function view(packageName, field) {
  try {
    const said = execFileSync('npm', ['view', packageName, field, '--json'],
                              {encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe']});
    return JSON.parse(said);
  } catch (error) {
    if (error.code === 'ENOENT') throw told('npm is missing; install Node.js 18 or newer');
    const why = (error.stderr || error.message).trim().split('\n')[0];
    throw told(`npm cannot tell which versions of ${packageName} there are (${why}); ` +
               'is there a network? --newest VERSION takes one that is installed already');
  }
}

export const newestOn = (packageName) => view(packageName, 'version');

function compare(a, b) {
  const [x, y] = [a, b].map((version) => version.split(/[.-]/).map(Number));
  for (let i = 0; i < 3; ++i) if (x[i] !== y[i]) return x[i] - y[i];
  return 0;
}

/// The releases after `from` up to `to`; none when npm cannot be asked.
export function releasesBetween(packageName, from, to) {
  if (from === to) return [];
  try {
    return view(packageName, 'versions')
        .filter((v) => /^[\d.]+$/.test(v) && compare(v, from) > 0 && compare(v, to) <= 0);
  } catch {
    return [];
  }
}

/// Into a folder of its own; returns the executable.
export async function install(folder, provider, version, say) {
  const started = Date.now();
  const ticking = setInterval(
      () => say(`installs ${provider} ${version} (${Math.round((Date.now() - started) / 1000)} s)`), 10_000);
  const installer = spawn(kInstaller, [folder, `${provider}=${version}`], {stdio: ['ignore', 'ignore', 'pipe']});
  let errors = '';
  installer.stderr.on('data', (data) => errors += data);
  const status = await new Promise((resolve) => installer.on('close', resolve));
  clearInterval(ticking);
  if (status !== 0) throw told(`${provider} ${version} is not installed:\n${errors.trim()}`);
  return `${folder}/node_modules/.bin/${provider}`;
}
